package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// pollEvery is after how long a waiter looks although nothing was heard: no notice is promised while the feed is lost, or without Run.
const pollEvery = time.Second

// WaitFor waits until the read model shows the entity as it was at a time or later: until its updated_at, which Clerk's API tells whoever changed it, is
// not before at (a zero time: until it is there). When it returns nil, every lookup shows at least that state. It returns at once if it is there already;
// if not it takes one query, plus one for each change of the entity and each second. An entity that was deleted meanwhile never comes, so give ctx a deadline: its end
// is an error that wraps ctx.Err. ErrTooManyWaiters and ErrUnknownKind refuse.
func (d *Directory) WaitFor(ctx context.Context, kind Kind, id string, at time.Time) error {
	at = at.Truncate(time.Millisecond) // Clerk's clock is no finer
	return d.wait(ctx, kind, id, func(s shown) bool { return s.there && !s.updatedAt.Before(at) })
}

// WaitGone waits until the read model shows the entity no more, otherwise as WaitFor.
func (d *Directory) WaitGone(ctx context.Context, kind Kind, id string) error {
	return d.wait(ctx, kind, id, func(s shown) bool { return !s.there })
}

func (d *Directory) wait(ctx context.Context, kind Kind, id string, enough func(shown) bool) error {
	if !kind.known() {
		return fmt.Errorf("wait for %q: %w", kind, ErrUnknownKind)
	}
	// Before the first look: what happens behind it is heard.
	woken, leave, err := d.waiters.enter(kind, id)
	if err != nil {
		return err
	}
	defer leave()
	for {
		now, err := d.direct.look(ctx, kind, id)
		switch {
		case err != nil:
			return fmt.Errorf("wait for %s %s: %w", kind, id, err)
		case enough(now):
			d.catchUp(ctx, kind, id, now.related)
			return nil
		}
		// Those who began together do not look together.
		poll := time.NewTimer(d.waiters.every*3/4 + rand.N(d.waiters.every/2))
		select {
		case <-ctx.Done():
			poll.Stop()
			return fmt.Errorf("wait for %s %s: %w", kind, id, ctx.Err())
		case <-woken:
		case <-poll.C:
		}
		poll.Stop()
	}
}

// shown is what the read model shows of an entity.
type shown struct {
	there     bool
	updatedAt time.Time
	related   []string
}

func (l *Lookups) look(ctx context.Context, kind Kind, id string) (s shown, err error) {
	if !plausible(id) {
		return s, nil
	}
	related := `null::text[]`
	if kind == KindOrganizationMemberships {
		related = `array[organization_id, user_id]`
	}
	sql := `select updated_at, ` + related + ` from {schema}.` + string(kind) + ` where id = $1`
	err = l.on.QueryRow(ctx, l.sql(sql), id).Scan(moment{&s.updatedAt}, &s.related)
	s.there = err == nil
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return s, err
}

// catchUp does what the notice will do that may still be under way: the row was seen before its notice was heard.
func (d *Directory) catchUp(ctx context.Context, kind Kind, id string, related []string) {
	changes := map[string][]string{string(kind): {id}}
	d.invalidate(kind, []string{id}, [][]string{related})
	if c := d.settling.of(changes); c.size() > 0 {
		d.settleThese(ctx, c)
	}
}

// waiters are who waits for what.
type waiters struct {
	max   int
	every time.Duration // how often they look unasked

	mu      sync.Mutex
	n       int
	waiting map[awaited]map[chan struct{}]bool
}

type awaited struct {
	kind Kind
	id   string
}

func newWaiters(most int) *waiters {
	return &waiters{max: most, every: pollEvery, waiting: map[awaited]map[chan struct{}]bool{}}
}

// enter gives a channel on which the waiter is woken, as often as needed, until it leaves.
func (w *waiters) enter(kind Kind, id string) (woken <-chan struct{}, leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n >= w.max {
		return nil, nil, fmt.Errorf("wait for %s %s: %w", kind, id, ErrTooManyWaiters)
	}
	w.n++
	what, ch := awaited{kind, id}, make(chan struct{}, 1)
	if w.waiting[what] == nil {
		w.waiting[what] = map[chan struct{}]bool{}
	}
	w.waiting[what][ch] = true
	return ch, func() { w.leave(what, ch) }, nil
}

func (w *waiters) leave(what awaited, ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	delete(w.waiting[what], ch)
	if len(w.waiting[what]) == 0 {
		delete(w.waiting, what)
	}
}

func (w *waiters) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func (w *waiters) wake(kind Kind, ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return
	}
	for _, id := range ids {
		wakeEach(w.waiting[awaited{kind, id}])
	}
}

func (w *waiters) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.waiting {
		wakeEach(all)
	}
}

func wakeEach(all map[chan struct{}]bool) {
	for ch := range all {
		select {
		case ch <- struct{}{}:
		default: // it is awake and will look again
		}
	}
}
