package denylist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/changefeed"
)

// expiryLeeway is by how much longer than MaxTokenLife an entry is kept: a verifier lets a token live for its own leeway beyond its end, which is seconds.
const expiryLeeway = 30 * time.Second

// Run keeps the list until ctx ends, and then returns nil. It goes on through anything that may pass, such as a database that is away; it returns
// ErrMisplaced when it begins with a pool that cannot be right, and an error when ListenURL cannot be. Call it once.
func (d *Denylist) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		return changefeed.Listen(running, changefeed.Config{URL: d.config.ListenURL, Schema: d.config.Schema, Log: d.config.Log}, ear{d})
	})
	group.Go(func() error { return d.apply(running) })
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("denylist: %w", err)
	}
	return nil
}

// ear is the Denylist as the listener knows it.
type ear struct{ *Denylist }

// Connected implements changefeed.Subscriber.
func (e ear) Connected() {
	e.flush(causeConnected)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = time.Time{}
	e.metrics.connected.Set(1)
}

// Lost implements changefeed.Subscriber.
func (e ear) Lost() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = e.config.Now()
	e.metrics.connected.Set(0)
}

// Changed implements changefeed.Subscriber.
func (e ear) Changed(n changefeed.Notice) {
	if !e.pending.add(&n) {
		e.flush(causeNotice)
	}
}

// flush forgets everything and moves the horizon to now: every token that exists by now is looked up. It is what there is to do whenever it is not
// known what changed, and is right at any time.
func (d *Denylist) flush(cause string) {
	d.rows.reset()
	_, sequence := d.pending.take()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = newEntries()
	d.horizon = d.config.Now().Add(d.config.Leeway).UnixMilli()
	d.epoch++
	d.applied = max(d.applied, sequence)
	d.proofs.reset(d.epoch)
	d.metrics.flushes.WithLabelValues(cause).Inc()
	d.metrics.entries.Set(0)
}

// chunk is how many subjects are read at once. What a live transaction changes is far less; this many take tens of milliseconds (measured at 100 k users).
const chunk = 2000

// apply turns what the feed tells of into entries.
func (d *Denylist) apply(ctx context.Context) error {
	// Whoever misplaced the pool learns it at the start and not from a refusal. Later the same may be a failover, and pass.
	bounded, cancel := context.WithTimeout(ctx, readTimeout)
	_, err := d.rows.prepare(bounded)
	cancel()
	if errors.Is(err, ErrMisplaced) {
		return err
	}
	expiry := time.NewTicker(time.Second)
	defer expiry.Stop()
	for {
		if err != nil && ctx.Err() == nil {
			d.config.Log.WarnContext(ctx, "denylist: read model cannot be read", "schema", d.config.Schema, "error", err)
		}
		err = nil
		select {
		case <-ctx.Done():
			return nil
		case <-expiry.C:
			d.expire()
		case <-d.pending.wake:
			err = d.learn(ctx)
		}
	}
}

// learn reads all that waits. A read that fails is no reason to read again: the flush makes up for everything that it would have told.
func (d *Denylist) learn(ctx context.Context) error {
	at, sequence := d.pending.take()
	// Taken first: a flush from here on covers all that was taken, and what is heard after it is still waiting.
	d.mu.RLock()
	epoch := d.epoch
	d.mu.RUnlock()
	for part := range slices.Chunk(slices.Collect(maps.Keys(at)), chunk) {
		rows, _, err := d.rows.read(ctx, part)
		if err != nil {
			d.flush(causeUnread)
			return err
		}
		if d.enter(epoch, rows, at) {
			d.flush(causeOverflow)
			return nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.applied = max(d.applied, sequence)
	return nil
}

// enter makes entries of rows, unless a flush overtook their read. It says whether the list is full.
func (d *Denylist) enter(epoch uint64, rows []row, at map[subject]int64) (full bool) {
	now := d.config.Now()
	// No token is from later than this. A time from further ahead would refuse what is issued until then.
	latest := now.Add(d.config.Leeway).UnixMilli()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch != epoch {
		return false
	}
	for _, r := range rows {
		e, denies := r.judge(min(at[r.subject], latest))
		e.made = now.UnixMilli()
		if !denies {
			delete(d.entries.by, r.subject)
			continue
		}
		d.entries.set(r.subject, e)
		if told := at[r.subject]; told != unknownTime {
			d.metrics.revocation.Observe(max(0, now.Sub(time.UnixMilli(told)).Seconds()))
		}
	}
	d.metrics.entries.Set(float64(len(d.entries.by)))
	return d.entries.size() > d.config.MaxEntries
}

// expire drops the entries that no living token is old enough for, a few at a time: requests wait meanwhile.
func (d *Denylist) expire() {
	before := d.config.Now().Add(-d.config.MaxTokenLife-expiryLeeway).UnixMilli() - remade
	for more := true; more; {
		d.mu.Lock()
		more = d.entries.expire(before, chunk)
		d.metrics.entries.Set(float64(len(d.entries.by)))
		d.mu.Unlock()
	}
}
