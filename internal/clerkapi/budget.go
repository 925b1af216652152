package clerkapi

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Of the requests that a window allows, so much flows at a constant rate, and so much may come at once after a rest. A window in which both happen holds 98
// of 100, and the two left over are for requests that overtake one another on the way: Clerk counts when they arrive. Nothing is known of how it counts, and
// this keeps within any window, sliding or fixed.
const (
	flow  = 0.95
	burst = 0.03
)

// Budget is how many requests may be made, for all users of one secret key in this process. All methods are safe for concurrent use.
//
// It flows: requests go out evenly, never a whole window's at its beginning, so that an urgent call waits for one request's time and not for the rest of a window.
// Background calls leave half of what may come at once to urgent ones.
type Budget struct {
	limit int
	per   time.Duration

	mu         sync.Mutex // guards what is below
	all        bucket
	background bucket
	reserve    float64 // of all, kept for urgent calls
	paused     time.Time
	urgent     []*waiter
	rest       []*waiter
	timer      *time.Timer // set while somebody waits
	granted    ring
}

// waiter is one call that waits. ready is closed when it may go, under the budget's lock.
type waiter struct {
	ready chan struct{}
	went  bool
}

// NewBudget allows so many requests in any span of per. Clerk allows 1000 per 10 s to production instances and 100 to others. Numbers below 1 are 1.
func NewBudget(requests int, per time.Duration) *Budget {
	requests, per = max(1, requests), max(time.Millisecond, per)
	now := time.Now()
	depth := max(1, burst*float64(requests))
	b := &Budget{
		limit: requests, per: per,
		all:     bucket{rate: flow * float64(requests) / per.Seconds(), depth: depth, tokens: depth, at: now},
		granted: newRing(per, now),
	}
	if depth >= 2 {
		b.reserve = depth / 2
	}
	b.background = b.all
	return b
}

// SetShare leaves background calls this share of the budget, 0 to 1; it is 1 at first. Urgent calls may use all of it. With 0 background calls wait until it is raised.
func (b *Budget) SetShare(background float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.background.fill(now)
	share := min(1, max(0, background))
	b.background.rate = share * b.all.rate
	if share > 0 {
		b.background.depth = max(1, share*b.all.depth)
	} else {
		b.background.depth = 0
	}
	b.background.tokens = min(b.background.tokens, b.background.depth)
	b.release(now)
}

// Stats is how many requests went in the last window, and how many may.
func (b *Budget) Stats() (used, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.granted.sum(time.Now()), b.limit
}

// Window is the time that the limit is for.
func (b *Budget) Window() time.Duration { return b.per }

// take waits for its turn: first come, first served, urgent ones before the rest. It costs nothing when ctx ends first.
func (b *Budget) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiter{ready: make(chan struct{})}
	b.mu.Lock()
	if isUrgent(ctx) {
		b.urgent = append(b.urgent, w)
	} else {
		b.rest = append(b.rest, w)
	}
	b.release(time.Now())
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		b.forget(w)
		return context.Cause(ctx)
	}
}

// forget takes a waiter away, and gives back what it was granted in the very moment in which it gave up.
func (b *Budget) forget(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	is := func(x *waiter) bool { return x == w }
	b.urgent, b.rest = slices.DeleteFunc(b.urgent, is), slices.DeleteFunc(b.rest, is)
	now := time.Now()
	if w.went {
		b.all.tokens++
		b.granted.add(now, -1)
	}
	b.release(now)
}

// pause keeps everybody from asking until then: Clerk refuses the key, not the request.
func (b *Budget) pause(span time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if until := now.Add(span); until.After(b.paused) {
		b.paused = until
	}
	b.release(now)
}

// release lets go whoever may, and sets the timer for the next. The caller holds the lock.
func (b *Budget) release(now time.Time) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.all.fill(now)
	b.background.fill(now)
	wait := b.paused.Sub(now)
	if wait <= 0 {
		wait = b.releaseUrgent(now)
	}
	if wait <= 0 {
		wait = b.releaseRest(now)
	}
	if wait > 0 && len(b.urgent)+len(b.rest) > 0 {
		b.timer = time.AfterFunc(wait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.release(time.Now())
		})
	}
}

// releaseUrgent returns how long the next urgent call has to wait, 0 if there is none.
func (b *Budget) releaseUrgent(now time.Time) time.Duration {
	for len(b.urgent) > 0 {
		if wait := b.all.until(1); wait > 0 {
			return wait
		}
		b.all.tokens--
		b.urgent = b.grant(b.urgent, now)
	}
	return 0
}

func (b *Budget) releaseRest(now time.Time) time.Duration {
	for len(b.rest) > 0 {
		if wait := max(b.all.until(1+b.reserve), b.background.until(1)); wait > 0 {
			return wait
		}
		b.all.tokens--
		b.background.tokens--
		b.rest = b.grant(b.rest, now)
	}
	return 0
}

func (b *Budget) grant(queue []*waiter, now time.Time) []*waiter {
	queue[0].went = true
	close(queue[0].ready)
	b.granted.add(now, 1)
	return queue[1:]
}
