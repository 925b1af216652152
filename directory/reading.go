package directory

import (
	"context"
	"fmt"
	"time"
)

// loadTimeout bounds a reading, with what Config.Missing takes. It goes on when who asked first gives up, for others may wait for it.
const loadTimeout = 10 * time.Second

// get answers from the cache, or reads.
func (d *Directory) get(ctx context.Context, k key) (*entry, error) {
	if e, ok := d.cache.kept.GetIfPresent(k); ok && d.usable(k, e) {
		d.metrics.hits[k.what].Inc()
		return e, nil
	}
	if !k.plausible() {
		return &entry{}, nil
	}
	d.metrics.misses[k.what].Inc()
	// Before the reading, so that a notice before which nobody wanted such values is one that the reading sees.
	d.settling.want(k.what)
	return d.read(ctx, k)
}

// usable says that an entry may be the answer now. The stamps are looked at last: who settles a notice, and who hears the feed stand again, first writes
// them and then says so.
func (d *Directory) usable(k key, e *entry) bool {
	if d.settling.open() && k.what.isByValue() && !d.config.switches.unsettled {
		return false
	}
	return d.feed.vouchesFor(e) && d.cache.unchanged(k, e)
}

// read asks Postgres, once for all who ask at the same time.
func (d *Directory) read(ctx context.Context, k key) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look up %s: %w", names[k.what], err)
	}
	now := d.cache.stamps.now()
	for {
		flight := d.cache.flights.DoChan(k.flight(), func() (any, error) { return d.fly(ctx, k) })
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("look up %s: %w", names[k.what], ctx.Err())
		case landed := <-flight:
			if landed.Err != nil {
				return nil, landed.Err
			}
			e, ok := landed.Val.(*entry)
			// A reading that was under way when this call came may have begun before a change that the caller knows of. The next one begins
			// later than this call, so there are two rounds at most.
			if ok && (e.began >= now || d.usable(k, e) || d.config.switches.shareAll) {
				return e, nil
			}
		}
	}
}

func (d *Directory) fly(ctx context.Context, k key) (*entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	e, err := d.readOnce(ctx, k)
	if err == nil && e.value == nil {
		e, err = d.readAgain(ctx, k, e)
	}
	if err != nil {
		d.metrics.failures.Inc()
		return nil, err
	}
	if d.config.switches.read != nil {
		d.config.switches.read(k)
	}
	if d.config.switches.stampLate {
		e.began = d.cache.stamps.now()
	}
	d.cache.store(k, e)
	return e, nil
}

func (d *Directory) readOnce(ctx context.Context, k key) (e *entry, err error) {
	e = &entry{began: d.cache.stamps.now(), at: d.elapsed()}
	e.value, err = d.direct.load(ctx, k)
	return e, err
}

// readAgain reads once more what is missing, if somebody knows how to fetch it.
func (d *Directory) readAgain(ctx context.Context, k key, absent *entry) (*entry, error) {
	kind, id := k.entity()
	if kind == "" || d.config.Missing == nil {
		return absent, nil
	}
	switch err := d.config.Missing(ctx, kind, id); {
	case isNotFound(err):
		return absent, nil
	case err != nil:
		return nil, fmt.Errorf("fetch missing %s: %w", names[k.what], err)
	}
	return d.readOnce(ctx, k)
}
