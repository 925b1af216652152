package checkup_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestAScreenShowsTheWholeState(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	began := time.Now().Add(-time.Hour)
	b.watches(t, sentinel.Status{Signals: []sentinel.Signal{{Name: sentinel.SignalCanary, State: sentinel.StateFailing, Detail: "no event in 2 min"}}}, 3*time.Second)
	b.exec(t, `update clerkstream.reconciliations set matching = 15, missing = 4, lagging = 1 where kind = 'users'`)
	b.exec(t, `insert into clerkstream.outages (instance, began_at, noticed_at, cause, ended_at, signals, reconciled_at, repaired) values ($1, $2, $2, 'clock', now(), '{}', now(), 12)`, instance, began)
	b.exec(t, `insert into clerkstream.walk_letters (instance, kind, entity_id, reason) values ($1, 'users', 'user_1', 'shape')`, instance)
	testkit.Eventually(t, func() error {
		state := checkup.Survey(t.Context(), b.Config)
		var out strings.Builder
		if err := state.Print(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"stream    CLERK_PROD", "fsync always", "orders g1 live", "level", "letters   walk users", "15 of 20", "4 missing", "all match", "3 of 100 requests", "no event in 2 min",
			"made good, 12 repaired", "clock",
		} {
			if !strings.Contains(out.String(), want) {
				return fmt.Errorf("%q is not shown:\n%s", want, out.String())
			}
		}
		if state.Broken || len(state.Unseen) > 0 {
			return fmt.Errorf("unseen: %v", state.Unseen)
		}
		return nil
	})
}

func TestAStateIsReadBackFromItsJSON(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var out strings.Builder
	if err := checkup.Survey(t.Context(), b.Config).JSON(&out); err != nil {
		t.Fatal(err)
	}
	var state checkup.State
	if err := json.Unmarshal([]byte(out.String()), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Generations) != 1 || state.Generations[0].Service != "orders" || state.Stream.LastSequence == 0 || state.Watcher.Status.Sentinel == nil {
		t.Errorf("read back: %s", out.String())
	}
}

func TestWhatDoesNotAnswerIsUnseenAndTheRestIsShown(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.DatabaseURL = as(b.DatabaseURL, "who_is_that")
	state := checkup.Survey(t.Context(), b.Config)
	if !state.Broken || state.Stream == nil || len(state.Unseen) != 5 {
		t.Errorf("without Postgres: broken %t, stream %v, unseen %q", state.Broken, state.Stream, state.Unseen)
	}
	b.DatabaseURL = ""
	if state := checkup.Survey(t.Context(), b.Config); state.Broken || len(state.Unseen) != 5 {
		t.Errorf("what nobody named is no fault: broken %t, unseen %q", state.Broken, state.Unseen)
	}
}
