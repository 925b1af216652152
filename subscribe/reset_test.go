package subscribe

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func (b *bed) both() []Handler {
	return []Handler{
		On("each", func(ctx context.Context, e *events.UserCreated) error { return note(ctx, b.pool, "each", e.Fact()) }),
		b.noting("once"),
	}
}

func TestAResetRunsHandlersAgainButNotWhatTheInboxKnows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		to    func(second jetstream.RawStreamMsg) Position
		again map[string]int
	}{
		"to the beginning": {func(jetstream.RawStreamMsg) Position { return FromBeginning() }, map[string]int{"msg_1": 2, "msg_2": 2, "msg_3": 2}},
		"to a sequence":    {func(m jetstream.RawStreamMsg) Position { return FromSequence(m.Sequence) }, map[string]int{"msg_1": 1, "msg_2": 2, "msg_3": 2}},
		"to a time":        {func(m jetstream.RawStreamMsg) Position { return FromTime(m.Time) }, map[string]int{"msg_1": 1, "msg_2": 2, "msg_3": 2}},
		"to after the end": {func(jetstream.RawStreamMsg) Position { return FromTime(time.Now().Add(time.Hour)) }, map[string]int{"msg_1": 1, "msg_2": 1, "msg_3": 1}},
	} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %v", name, running), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				_, stop := b.start(t, b.config(b.both()...))
				b.user(t, "msg_1", "created", "user_1")
				second := b.user(t, "msg_2", "created", "user_2")
				b.user(t, "msg_3", "created", "user_3")
				b.settled(t)
				if !running {
					if err := stop(); err != nil {
						t.Fatal(err)
					}
				}
				raw, err := b.Stream.GetMsg(t.Context(), second)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Reset(t.Context(), b.JS, b.Instance, "test", tc.to(*raw)); err != nil {
					t.Fatal(err)
				}
				if !running {
					b.start(t, b.config(b.both()...))
				}
				want := map[string]int{}
				for id, n := range tc.again {
					want["each "+id], want["once "+id] = n, 1
				}
				testkit.Eventually(t, func() error {
					if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(want) {
						return fmt.Errorf("effects %v, want %v", got, want)
					}
					return nil
				})
				b.settled(t)
			})
		}
	}
}

func TestAResetLosesNothingThatIsInHand(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var hold, calls atomic.Int32
	released, begun := make(chan struct{}), make(chan struct{}, 10)
	hold.Store(1)
	b.start(t, b.config(On("slow", func(ctx context.Context, e *events.UserCreated) error {
		if e.ID == "msg_3" && hold.CompareAndSwap(1, 0) {
			begun <- struct{}{}
			<-released
			calls.Add(1)
			return errors.New("it fails, and its event must come again all the same")
		}
		return note(ctx, b.pool, "slow", e.Fact())
	})))
	for i := 1; i <= 4; i++ {
		b.user(t, fmt.Sprintf("msg_%d", i), "created", fmt.Sprintf("user_%d", i))
	}
	<-begun
	if _, err := Reset(t.Context(), b.JS, b.Instance, "test", FromBeginning()); err != nil {
		t.Fatal(err)
	}
	close(released)
	b.settled(t)
	got := b.effects(t)
	for i := 1; i <= 4; i++ {
		if id := fmt.Sprintf("slow msg_%d", i); got[id] == 0 {
			t.Errorf("%s never happened: %v", id, got)
		}
	}
}

func TestAResetNeverSkipsWhatWasNotHandled(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.user(t, "msg_1", "created", "user_1")
	g, err := New(b.config(b.both()...))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ensureConsumer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Reset(t.Context(), b.JS, b.Instance, "test", FromNow()); !errors.Is(err, ErrForward) {
		t.Errorf("forward: %v", err)
	}
	b.durable(t, jetstream.ConsumerConfig{Durable: "somebody"})
	if _, err := Reset(t.Context(), b.JS, b.Instance, "somebody", FromBeginning()); !errors.Is(err, ErrForeignConsumer) {
		t.Errorf("another's consumer: %v", err)
	}
	if _, err := Reset(t.Context(), b.JS, b.Instance, "nobody", FromBeginning()); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("no consumer: %v", err)
	}
}

func TestANewGroupBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		start Position
		want  map[string]int
	}{
		"by default with what comes": {Position{}, map[string]int{"once msg_3": 1}},
		"at a sequence":              {FromSequence(2), map[string]int{"once msg_2": 1, "once msg_3": 1}},
		"at the beginning":           {FromBeginning(), map[string]int{"once msg_1": 1, "once msg_2": 1, "once msg_3": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.user(t, "msg_1", "created", "user_1")
			b.user(t, "msg_2", "created", "user_2")
			c := b.config(b.noting("once"))
			c.Start = tc.start
			g, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			// The first process dies when it has made the consumer and not yet moved it.
			if _, err := g.createConsumer(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.user(t, "msg_3", "created", "user_3")
			c.Start = FromNow() // and by now that would be too late
			_, stop := b.start(t, c)
			b.settled(t)
			if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("effects %v, want %v", got, tc.want)
			}
			if err := stop(); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// While a release rolls out, processes of both start and stop beside each other.
func TestAnOlderProcessDoesNotTakeAwayWhatANewerOneReads(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	older := b.config(b.noting("welcome"))
	newer := b.config(b.noting("welcome"), On("farewell", func(ctx context.Context, e *events.UserDeleted) error { return note(ctx, b.pool, "farewell", e.Fact()) }))
	_, stopOlder := b.start(t, older)
	b.user(t, "msg_1", "created", "user_1")
	b.settled(t)
	_, stopNewer := b.start(t, newer)
	testkit.Eventually(t, func() error {
		if n := len(b.info(t).Config.FilterSubjects); n != 2 {
			return fmt.Errorf("%d filters", n)
		}
		return nil
	})
	if err := errors.Join(stopNewer(), stopOlder()); err != nil {
		t.Fatal(err)
	}
	b.start(t, older)
	b.user(t, "msg_2", "created", "user_2")
	b.settled(t)
	if filters := b.info(t).Config.FilterSubjects; len(filters) != 2 {
		t.Errorf("filters %v", filters)
	}
}

func TestAGroupWithOneAtATimeKeepsTheStreamsOrderOverProcessesAndFailures(t *testing.T) {
	t.Parallel()
	const count = 20
	b := newBed(t)
	var inHand atomic.Int32
	var failed atomic.Bool
	order := make(chan uint64, count)
	c := b.config(On("watch", func(_ context.Context, e *events.UserCreated) error {
		defer inHand.Add(-1)
		if inHand.Add(1) > 1 {
			t.Error("two at the same time")
		}
		if e.ID == "msg_5" && failed.CompareAndSwap(false, true) {
			return errors.New("once")
		}
		parts, err := e.Version.Parse()
		order <- uint64(parts.Source)
		return err
	}))
	c.Parallel, c.Attempts = 1, 1
	b.start(t, c)
	b.start(t, c)
	for i := range count {
		b.Publish(t, fmt.Sprintf("msg_%d", i), testkit.Body("user.created", now.Add(time.Duration(i)*time.Second), testkit.Data{"id": fmt.Sprintf("user_%d", i)}))
	}
	last := uint64(0)
	for range count {
		at := <-order
		if at <= last {
			t.Error("out of order")
		}
		last = at
	}
}
