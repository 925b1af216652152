package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// What is read before a change and stored after its notice must not be used. Without the guard it is.
func TestWhatWasReadBeforeANoticeIsNotUsedAfterIt(t *testing.T) {
	t.Parallel()
	for guarded, want := range map[bool]string{true: "user_a Bea", false: "user_a Ada"} {
		t.Run(fmt.Sprintf("guarded %t", guarded), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			read, store := make(chan struct{}), make(chan struct{})
			var once sync.Once
			d := b.open(t, func(c *Config) {
				c.switches.stampLate = !guarded
				c.switches.read = func(key) { once.Do(func() { close(read); <-store }) }
			})
			d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
			slow := make(chan string)
			go func() { slow <- userWords("user_a")(t.Context(), d.Directory) }()
			<-read
			d.untilHeard(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": "Bea"}))
			close(store)
			// Whoever asked before the change may get either answer.
			if got := <-slow; got != "user_a Ada" && got != "user_a Bea" {
				t.Errorf("the slow reading answered %q", got)
			}
			if got := userWords("user_a")(t.Context(), d.Directory); got != want {
				t.Errorf("after the notice the answer is %q, want %q", got, want)
			}
		})
	}
}

// Who asks after a notice must not share the answer of a reading that began before it.
func TestWhoAsksAfterANoticeSharesNoReadingFromBeforeIt(t *testing.T) {
	t.Parallel()
	for guarded, want := range map[bool]string{true: "user_a Bea", false: "user_a Ada"} {
		t.Run(fmt.Sprintf("guarded %t", guarded), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			read, store := make(chan struct{}), make(chan struct{})
			var once sync.Once
			d := b.open(t, func(c *Config) {
				c.switches.shareAll = !guarded
				c.switches.read = func(key) { once.Do(func() { close(read); <-store }) }
			})
			d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
			answers := make(chan string, 2)
			go func() { answers <- userWords("user_a")(t.Context(), d.Directory) }()
			<-read
			d.untilHeard(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": "Bea"}))
			late := make(chan string)
			before := d.lookups(t, "miss")
			go func() { late <- userWords("user_a")(t.Context(), d.Directory) }()
			testkit.Eventually(t, func() error {
				if d.lookups(t, "miss") == before {
					return errors.New("the second lookup has not begun")
				}
				return nil
			})
			close(store)
			if got := <-late; got != want {
				t.Errorf("who asked after the notice was told %q, want %q", got, want)
			}
			<-answers
		})
	}
}

// Between a notice and the reading of its values, nothing that was found by a value is used.
func TestNothingFoundByAValueIsUsedWhileANoticeIsUnsettled(t *testing.T) {
	t.Parallel()
	for guarded, want := range map[bool]string{true: "user_a", false: ""} {
		t.Run(fmt.Sprintf("guarded %t", guarded), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			settle := make(chan struct{})
			d := b.open(t, func(c *Config) {
				c.switches.unsettled = !guarded
				c.switches.settle = func() { <-settle }
			})
			defer close(settle)
			ask := emailWords("x@x.example")
			if got := ask(t.Context(), d.Directory); got != "" {
				t.Fatalf("at first the address leads to %q", got)
			}
			d.untilHeard(t, b.publish(t, "user.created", "user_a", emails("x@x.example")))
			if got := ask(t.Context(), d.Directory); got != want {
				t.Errorf("after the notice the address leads to %q, want %q", got, want)
			}
		})
	}
}

func TestAThousandWhoAskAtOnceMakeOneQuery(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const callers = 1000
	var reads int
	hold := make(chan struct{})
	d := b.open(t, func(c *Config) { c.switches.read = func(key) { reads++; <-hold } })
	d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	var callersLeft sync.WaitGroup
	for range callers {
		callersLeft.Go(func() {
			if got := userWords("user_a")(t.Context(), d.Directory); got != "user_a Ada" {
				t.Error(got)
			}
		})
	}
	testkit.Eventually(t, func() error {
		if n := d.lookups(t, "miss"); n < callers {
			return fmt.Errorf("%v have asked", n)
		}
		return nil
	})
	close(hold)
	callersLeft.Wait()
	if reads != 1 {
		t.Errorf("%d callers made %d queries", callers, reads)
	}
}

func TestAnImpatientCallerDoesNotSpoilTheReadingForOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	begun, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d := b.open(t, func(c *Config) { c.switches.read = func(key) { once.Do(func() { close(begun); <-hold }) } })
	d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := d.User(ctx, "user_a"); gone <- err }()
	<-begun
	stays := make(chan string, 1)
	go func() { stays <- userWords("user_a")(t.Context(), d.Directory) }()
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the impatient caller got %v", err)
	}
	close(hold)
	if got := <-stays; got != "user_a Ada" {
		t.Errorf("the other got %q", got)
	}
}

func TestMemoryStaysWithinItsCapacity(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const capacity = 64 << 10
	d := b.open(t, func(c *Config) { c.Capacity = capacity })
	for n := range 1000 {
		// A key that is a piece of a long text must not keep the text.
		long := strings.Repeat("x", 1000) + benchUser(n)
		userWords(long[1000:])(t.Context(), d.Directory)
	}
	d.cache.kept.CleanUp()
	if weight, kept := d.cache.kept.WeightedSize(), count(t, d.Directory); weight > capacity || kept < 100 {
		t.Errorf("%d answers are kept, of %d bytes", kept, weight)
	}
}
