package subscribe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestTheSameFactUnderTwoIDsHasOneEffect(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.start(t, b.config(
		b.noting("once"),
		// The control: each id is an event of its own.
		On("each", func(ctx context.Context, e *events.UserCreated) error { return note(ctx, b.pool, "each", e.Fact()) }),
	))
	body := testkit.Body("user.created", now, testkit.Data{"id": "user_1"})
	b.Publish(t, "msg_endpoint_a", body)
	b.Publish(t, "msg_endpoint_b", body)
	// Another fact about the same entity is not the same fact.
	b.Publish(t, "msg_later", testkit.Body("user.created", now.Add(time.Millisecond), testkit.Data{"id": "user_1"}))
	b.settled(t)
	want := map[string]int{"once msg_endpoint_a": 1, "once msg_later": 1, "each msg_endpoint_a": 1, "each msg_endpoint_b": 1, "each msg_later": 1}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("effects %v, want %v", got, want)
	}
}

func TestManyAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	e := b.Event("msg_1", testkit.Body("user.created", now, testkit.Data{"id": "user_1"}))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := once(t.Context(), b.pool, "test", "effect", &e, func(tx pgx.Tx) error { return note(t.Context(), tx, "effect", &e) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"effect msg_1": 1}) {
		t.Errorf("effects %v", got)
	}
}

func TestAFailedEffectLeavesNoEntry(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	e := b.Event("msg_1", testkit.Body("user.created", now, testkit.Data{"id": "user_1"}))
	no := errors.New("no")
	effect := func(failing error) (bool, error) {
		return once(t.Context(), b.pool, "test", "effect", &e, func(tx pgx.Tx) error { return errors.Join(note(t.Context(), tx, "effect", &e), failing) })
	}
	if _, err := effect(no); !errors.Is(err, no) {
		t.Errorf("a failing effect: %v", err)
	}
	for _, again := range []bool{false, true} {
		if duplicate, err := effect(nil); duplicate != again || err != nil {
			t.Errorf("duplicate %v, want %v: %v", duplicate, again, err)
		}
	}
	if got := b.effects(t); fmt.Sprint(got) != fmt.Sprint(map[string]int{"effect msg_1": 1}) {
		t.Errorf("effects %v", got)
	}
}

func TestHandlersAndServicesKeepInboxesApart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	e := b.Event("msg_1", testkit.Body("user.created", now, testkit.Data{"id": "user_1"}))
	for _, who := range [][2]string{{"orders", "welcome"}, {"orders", "audit"}, {"mail", "welcome"}} {
		if duplicate, err := once(t.Context(), b.pool, who[0], who[1], &e, func(pgx.Tx) error { return nil }); duplicate || err != nil {
			t.Errorf("%v: duplicate %v: %v", who, duplicate, err)
		}
	}
}

func TestWhatIsPrunedIsForgottenAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if _, err := b.pool.Exec(t.Context(), `
insert into clerkstream.inbox (service, handler, event_id, event_type, entity_id, version, done_at)
select service, 'welcome', 'msg_' || i, 'user.created', 'user_' || i, 'v', now() - i * interval '1 minute'
from generate_series(1, 12000) i, unnest(array['orders', 'mail']) service`); err != nil {
		t.Fatal(err)
	}
	pruned, err := Prune(t.Context(), b.pool, "orders", 24*time.Hour)
	// Those from 1440 minutes on, and one more if this took a minute.
	if err != nil || pruned < 10_561 || pruned > 10_562 {
		t.Errorf("pruned %d: %v", pruned, err)
	}
	var orders, mail int
	if err := b.pool.QueryRow(t.Context(), `select count(*) filter (where service = 'orders'), count(*) filter (where service = 'mail') from clerkstream.inbox`).Scan(&orders, &mail); err != nil {
		t.Fatal(err)
	}
	if orders+int(pruned) != 12_000 || mail != 12_000 {
		t.Errorf("%d and %d entries left", orders, mail)
	}
}
