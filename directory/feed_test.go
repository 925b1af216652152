package directory

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// clock is one that a test moves on.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time { return noon.Add(time.Duration(c.passed.Load())) }

func (c *clock) pass(d time.Duration) { c.passed.Add(int64(d)) }

func listener(b *bed) string { return "listener_" + b.conn.Config().Database }

// cut ends the feed's connection, and lets it not come back before the returned function is called.
func (b *bed) cut(t *testing.T, d *opened) (letBack func()) {
	t.Helper()
	b.exec(t, `alter role `+listener(b)+` nologin`)
	b.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, listener(b))
	testkit.Eventually(t, func() error {
		if d.feed.lost.Load() == 0 {
			return errors.New("the loss is not noticed")
		}
		return nil
	})
	return func() {
		b.exec(t, `alter role `+listener(b)+` login`)
		d.untilConnected(t)
	}
}

// listening gives the feed a login of its own.
func (b *bed) listening(t *testing.T, c *Config) {
	t.Helper()
	b.exec(t, `create role `+listener(b)+` login`)
	c.ListenURL = b.as(t, listener(b))
}

func TestWhileTheFeedIsLostAnAnswerLivesForATimeAndThenAllIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var now clock
	d := b.open(t, func(c *Config) {
		b.listening(t, c)
		c.Now, c.LostTTL = now.now, 5*time.Second
	})
	ask := func() string { return userWords("user_a")(t.Context(), d.Directory) }
	expect := func(when, want string) {
		t.Helper()
		if got := ask(); got != want {
			t.Fatalf("%s the answer is %q, want %q", when, got, want)
		}
	}
	name := func(first string) {
		b.until(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": first}))
	}
	d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	expect("at first", "user_a Ada")
	now.pass(time.Hour)
	expect("after an hour with the feed", "user_a Ada")

	letBack := b.cut(t, d)
	name("Bea")
	now.pass(4 * time.Second)
	expect("4 s after the loss", "user_a Ada")
	now.pass(time.Second)
	expect("5 s after the loss", "user_a Bea")
	name("Cleo")
	now.pass(4 * time.Second)
	expect("4 s after it was read", "user_a Bea")
	now.pass(time.Second)
	expect("5 s after it was read", "user_a Cleo")

	name("Dora")
	expect("before the feed is back", "user_a Cleo")
	letBack()
	expect("once the feed is back", "user_a Dora")
	d.untilHeard(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": "Eve"}))
	expect("after a notice", "user_a Eve")
}

func TestWithoutAFeedAnAnswerLivesForATime(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var now clock
	d := b.shut(t, func(c *Config) { c.Now, c.LostTTL = now.now, 5*time.Second })
	never := b.shut(t, func(c *Config) { c.Now, c.LostTTL = now.now, -1 })
	b.until(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	ask := userWords("user_a")
	ask(t.Context(), d.Directory)
	ask(t.Context(), never.Directory)
	b.until(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": "Bea"}))
	if got := ask(t.Context(), never.Directory); got != "user_a Bea" {
		t.Errorf("with a negative LostTTL the answer is %q", got)
	}
	now.pass(5*time.Second - 1)
	if got := ask(t.Context(), d.Directory); got != "user_a Ada" {
		t.Errorf("within LostTTL the answer is %q", got)
	}
	now.pass(1)
	if got := ask(t.Context(), d.Directory); got != "user_a Bea" {
		t.Errorf("after LostTTL the answer is %q", got)
	}
}

func TestWhatNobodyUnderstandsForgetsEverything(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	for _, payload := range []string{`{"generation":1,"sequence":7,"flush":true}`, `not json`} {
		before := userWords("user_a")(t.Context(), d.Directory)
		// Nobody tells of this change, so only forgetting shows it.
		b.exec(t, `update clerk_g1.users set first_name = first_name || '!'`)
		if got := userWords("user_a")(t.Context(), d.Directory); got != before {
			t.Fatalf("the answer is %q without a notice, so it was not kept", got)
		}
		b.flush(t, d, payload)
		if got := userWords("user_a")(t.Context(), d.Directory); got != before+"!" {
			t.Errorf("after %s the answer is %q", payload, got)
		}
	}
}

func TestValuesThatCannotBeSettledAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	d.untilHeard(t, b.publish(t, "organization.created", "org_a", testkit.Data{"name": "A", "slug": "one"}))
	slugWords("one")(t.Context(), d.Directory)
	emailWords("x@x.example")(t.Context(), d.Directory)
	b.exec(t, `alter view clerk.user_identifiers rename to hidden`)
	b.exec(t, `update clerk_g1.organizations set slug = 'two'`)
	d.untilHeard(t, b.publish(t, "user.created", "user_a", nil))
	testkit.Eventually(t, func() error {
		if d.metric(t, "clerkstream_directory_flushes_total", "unsettled") == 0 {
			return errors.New("nothing was forgotten")
		}
		return nil
	})
	if got := slugWords("one")(t.Context(), d.Directory); got != "none" {
		t.Errorf("the slug still leads to %q", got)
	}
}

func TestTooMuchToSettleForgetsTheValuesInstead(t *testing.T) {
	t.Parallel()
	s, stamps := newSettling(), newStamps()
	s.want(usersByEmail)
	began := stamps.now()
	s.note(stamps, map[string][]string{"users": make([]string, maxUnsettled)})
	if !stamps.remembered(began, usersByEmail) {
		t.Error("what fits was forgotten")
	}
	s.note(stamps, map[string][]string{"users": make([]string, 1)})
	if c := s.take(); stamps.remembered(began, usersByEmail) || c.size() != 0 || c.notices != 2 {
		t.Errorf("it kept %d ids of %d notices", c.size(), c.notices)
	}
}

func TestRunRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	if err := d.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("a second Run ended with %v", err)
	}
	tenants := b.pool(t, "clerkstream_tenant")
	asTenant, err := New(Config{Pool: tenants, ListenURL: b.url})
	if err != nil {
		t.Fatal(err)
	}
	if err := asTenant.Run(t.Context()); !errors.Is(err, ErrNotReader) {
		t.Errorf("as a tenant Run ended with %v", err)
	}
	deaf, err := New(Config{Pool: tenants})
	if err != nil {
		t.Fatal(err)
	}
	if err := deaf.Run(t.Context()); err == nil {
		t.Error("Run went without a ListenURL")
	}
	if _, err := New(Config{Schema: "x; drop", ListenURL: "postgres://:::", Capacity: -1, MaxWaiters: -1}); err == nil {
		t.Error("a wrong Config passed")
	}
}

func TestAStoppedDirectoryCanRunAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	d.untilHeard(t, b.publish(t, "user.created", "user_a", testkit.Data{"first_name": "Ada"}))
	userWords("user_a")(t.Context(), d.Directory)
	d.stop()
	if d.feed.lost.Load() == 0 {
		t.Error("it believes that the feed stands")
	}
	b.until(t, b.publish(t, "user.updated", "user_a", testkit.Data{"first_name": "Bea"}))
	keep(t, func(ctx context.Context) error { return d.Run(ctx) })
	d.untilConnected(t)
	if got := userWords("user_a")(t.Context(), d.Directory); got != "user_a Bea" {
		t.Errorf("after a pause the answer is %q", got)
	}
}
