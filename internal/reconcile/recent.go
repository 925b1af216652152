package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// recent reads users from the one that was changed last down to where the last run was sure of everything.
func (i *inspection) recent(ctx context.Context, since time.Time) (err error) {
	if since.IsZero() {
		if since, err = i.loadWatermark(ctx, i.kind); err != nil {
			return err
		}
	}
	var newest moment
	err = i.config.API.Recent(ctx, since, func(ctx context.Context, p clerkapi.Page) error {
		newest.see(p.Objects)
		_, _, err := i.page(ctx, p)
		return err
	})
	if err != nil {
		return err
	}
	i.result.Complete = true
	// By Clerk's own clock, so that ours may be wrong; and less what may have been lag, so that it is looked at again. Never back: an instance whose
	// newest user was deleted would otherwise read further down each time.
	if i.result.watermark = newest.less(i.config.Grace, i.result.Started); i.result.watermark.Before(since) {
		i.result.watermark = since
	}
	return nil
}

// recentOf keeps the kinds that have an order by updated_at.
func recentOf(chosen []*kind) (recent []*kind) {
	for _, k := range chosen {
		if k.collection == clerkapi.Users {
			recent = append(recent, k)
		}
	}
	return recent
}

// loadWatermark is the newest that a run which published has left; zero reads everything.
func (r *Reconciler) loadWatermark(ctx context.Context, k *kind) (time.Time, error) {
	var at *time.Time
	err := r.pool.QueryRow(ctx, `
select max(watermark) from clerkstream.reconciliations where instance = $1 and kind = $2 and mode in ('full', 'recent')`,
		r.config.Instance, k.name).Scan(&at)
	if err != nil {
		return timeZero, fmt.Errorf("read watermark of %s: %w", k.name, err)
	}
	if at == nil {
		return timeZero, nil
	}
	return *at, nil
}

// moment is the greatest updated_at that was seen.
type moment struct {
	mu sync.Mutex
	ms int64
}

func (m *moment) see(objects []clerkapi.Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := range objects {
		var of struct {
			UpdatedAt events.Time `json:"updated_at"`
		}
		// What it cannot read it does not count: the comparison says what is wrong with it.
		if json.Unmarshal(objects[n].Data, &of) == nil {
			m.ms = max(m.ms, int64(of.UpdatedAt))
		}
	}
}

// less is the moment so much earlier, and before the walk began: who was changed behind the walk's back is newer than that, and one wrong time in the
// future must not keep everybody else from being read. Zero where none was seen.
func (m *moment) less(d time.Duration, began time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ms == 0 {
		return timeZero
	}
	return time.UnixMilli(min(m.ms, began.UnixMilli())).Add(-d)
}
