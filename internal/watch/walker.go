package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/reconcile"
)

// The walks, as logs, metrics and the heartbeat call them.
const (
	walkBackfill = "backfill"
	walkFull     = "full reconcile"
	walkRecent   = "recent reconcile"
	walkRepair   = "repair"
)

// againAfter is when a walk that failed is tried again, twice as late each time up to latestAgain: a kind that Clerk refuses for good must not have everything
// walked over and over. soonAfter is for a read model that is only not there yet.
const againAfter, latestAgain, soonAfter = 10 * time.Minute, 6 * time.Hour, 30 * time.Second

// walker walks when it is due, one walk at a time.
type walker struct {
	cfg      Config
	work     *Work
	books    *books
	schedule schedule
	state    *state
	metrics  *metrics
	turn     chan struct{} // holds one token; who has it walks
	filled   bool          // the first backfill is done
}

func newWalker(c Config, w *Work, b *books, s *state, m *metrics) *walker {
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	return &walker{c, w, b, newSchedule(c.Instance, c.RecentEvery, c.FullAt), s, m, turn, false}
}

// run walks until ctx ends. A walk that fails ends nothing: it is said, and tried again.
func (w *walker) run(ctx context.Context) error {
	last, err := w.books.lastFull(ctx)
	if err != nil {
		return err
	}
	recent, full := w.schedule.recent(w.cfg.Now()), w.schedule.full(last)
	for failures := 0; ; {
		w.state.change(func(s *Status) { s.NextRecent, s.NextFull = shownTime(recent), shownTime(full) })
		due := recent
		if full.Before(recent) {
			due = full
		}
		if !w.sleep(ctx, due) {
			return nil
		}
		if w.cfg.Now().Before(due) {
			continue // a day is the longest sleep, and clocks are set
		}
		if !w.cfg.Now().Before(full) {
			if err := w.everything(ctx, &last); err != nil {
				failures++
				full = w.cfg.Now().Add(retryAfter(err, failures))
				continue
			}
			failures = 0
			full = w.schedule.full(last)
		} else {
			_ = w.walk(ctx, walkRecent, func(ctx context.Context) (walked, error) { return w.recent(ctx, time.Time{}) })
		}
		recent = w.schedule.recent(w.cfg.Now())
	}
}

// everything is the full walk. The first one of an instance is a backfill, which goes on where it was killed; then comes the comparison, which alone finds
// what is extra.
func (w *walker) everything(ctx context.Context, last *time.Time) error {
	if last.IsZero() && !w.filled {
		err := w.walk(ctx, walkBackfill, func(ctx context.Context) (walked, error) {
			_, err := w.work.Reconciler.Backfill(ctx, reconcile.BackfillOptions{})
			return walked{}, err
		})
		if err != nil {
			return err
		}
		w.filled = true
	}
	began := w.cfg.Now()
	err := w.walk(ctx, walkFull, w.full)
	if err == nil {
		*last = began
	}
	return err
}

func (w *walker) full(ctx context.Context) (walked, error) {
	result, err := w.work.Reconciler.Reconcile(ctx, reconcile.Options{})
	return w.tell(ctx, walkFull, result), err
}

func (w *walker) recent(ctx context.Context, since time.Time) (walked, error) {
	result, err := w.work.Reconciler.Reconcile(ctx, reconcile.Options{Recent: true, Since: since})
	return w.tell(ctx, walkRecent, result), err
}

// repair closes the hole that an outage left from a time on: first what changed lately, which is quick, then everything, for only a full walk finds what
// was deleted. It returns how many objects were published, also when it did not come to the end.
//
// It begins when the end of the outage is as old as Grace: a comparison takes what is younger for lag, whose webhook is on its way, and of what changed in
// the outage none is.
func (w *walker) repair(ctx context.Context, from time.Time) (repaired int, err error) {
	if w.cfg.unrepaired {
		return 0, nil
	}
	if !w.sleep(ctx, w.cfg.Now().Add(w.cfg.Grace)) {
		return 0, ctx.Err()
	}
	err = w.walk(ctx, walkRepair, func(ctx context.Context) (walked, error) {
		quick, err := w.recent(ctx, from)
		if repaired = quick.published; err != nil {
			return quick, err
		}
		rest, err := w.full(ctx)
		if repaired += rest.published; err == nil && len(rest.incomplete) > 0 {
			err = fmt.Errorf("%w: %s", errIncomplete, strings.Join(rest.incomplete, ", "))
		}
		return rest, err
	})
	return repaired, err
}

// errIncomplete is a walk that did not meet everything: what was deleted in an outage may still be there.
var errIncomplete = errors.New("the walk was not complete")

// walked is what a walk came to. incomplete are the kinds of which it did not meet everything.
type walked struct {
	published  int
	incomplete []string
}

// walk waits for its turn and walks.
func (w *walker) walk(ctx context.Context, what string, do func(context.Context) (walked, error)) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.turn:
	}
	defer func() { w.turn <- struct{}{} }()
	w.state.change(func(s *Status) { s.Doing = what })
	began := w.cfg.Now()
	_, err := do(ctx)
	w.state.change(func(s *Status) {
		s.Doing, s.LastError = "", ""
		if err != nil && ctx.Err() == nil {
			s.LastError = fmt.Sprintf("%s: %v", what, err)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.metrics.walked(what, err, w.cfg.Now(), w.cfg.Now().Sub(began))
	if err != nil {
		w.cfg.Log.ErrorContext(ctx, "watch: walk failed", "walk", what, "error", err, "advice", advice(err))
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// advice is the next step where the error alone does not say it.
func advice(err error) string {
	switch {
	case errors.Is(err, clerkapi.ErrUnauthorized):
		return "clerk no longer accepts CLERK_SECRET_KEY: was it rotated or deleted?"
	case errors.Is(err, reconcile.ErrReadModelBehind):
		return "is the projector of this database running?"
	}
	return "it is tried again"
}

// retryAfter is how long to wait after so many failures in a row.
func retryAfter(err error, failures int) time.Duration {
	if errors.Is(err, reconcile.ErrReadModelBehind) {
		return soonAfter
	}
	return min(againAfter<<min(failures-1, 10), latestAgain)
}

// sleep waits until a time; false is that ctx ended.
func (w *walker) sleep(ctx context.Context, until time.Time) bool {
	timer := time.NewTimer(min(until.Sub(w.cfg.Now()), 24*time.Hour))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func shownTime(t time.Time) *time.Time {
	if t.Equal(never) {
		return nil
	}
	return &t
}

// tell logs what a comparison found, and counts what it published.
func (w *walker) tell(ctx context.Context, what string, result reconcile.Result) (all walked) {
	all.published = int(result.Repaired())
	w.cfg.Log.InfoContext(ctx, "watch: compared with clerk", "walk", what, "published", all.published, "clean", result.Clean())
	for i := range result.Kinds {
		// A kind of which not even a page was read is not enabled: there is nothing of it.
		if k := &result.Kinds[i]; !k.Complete && k.Requests > 0 {
			all.incomplete = append(all.incomplete, k.Kind)
		}
		if k := &result.Kinds[i]; k.Differences() > 0 || k.Malformed > 0 {
			w.cfg.Log.WarnContext(ctx, "watch: clerk and the read model differed", "walk", what, "kind", k.Kind, "changed", k.Changed, "missing", k.Missing,
				"extra", k.Extra, "wrong_tombstones", k.WrongTombstone, "malformed", k.Malformed, "published", k.Published, "complete", k.Complete)
		}
	}
	return all
}
