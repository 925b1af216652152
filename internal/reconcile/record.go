package reconcile

import (
	"context"
	"fmt"
	"time"
)

// record writes a kind's result down, for status and doctor, and sets the metrics. A run that did not come to its end keeps the watermark of the last one
// that did.
func (r *Reconciler) record(ctx context.Context, k *KindResult) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	r.metrics.result(k)
	var watermark *time.Time
	if !k.watermark.IsZero() && k.Complete {
		watermark = &k.watermark
	}
	_, err := r.pool.Exec(ctx, `
insert into clerkstream.reconciliations (instance, kind, mode, started_at, finished_at, complete, objects, matching, lagging, changed, missing, extra,
  wrong_tombstones, malformed, published, requests, watermark, wrong_tombstone_ids, note)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (instance, kind, mode) do update
set started_at = excluded.started_at, finished_at = excluded.finished_at, complete = excluded.complete, objects = excluded.objects,
  matching = excluded.matching, lagging = excluded.lagging, changed = excluded.changed, missing = excluded.missing, extra = excluded.extra,
  wrong_tombstones = excluded.wrong_tombstones, malformed = excluded.malformed, published = excluded.published, requests = excluded.requests,
  watermark = coalesce(excluded.watermark, reconciliations.watermark), wrong_tombstone_ids = excluded.wrong_tombstone_ids, note = excluded.note`,
		r.config.Instance, k.Kind, k.Mode, k.Started, k.Finished, k.Complete, k.Objects, k.Match, k.Lag, k.Changed, k.Missing, k.Extra,
		k.WrongTombstone, k.Malformed, k.Published, k.Requests, watermark, orEmpty(k.WrongTombstones), k.Note)
	if err != nil {
		return fmt.Errorf("record the result of %s: %w", k.Kind, err)
	}
	return nil
}

// orEmpty: a nil slice would be NULL.
func orEmpty(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

// recordTimeout bounds the last thing that an interrupted run does.
const recordTimeout = 10 * time.Second
