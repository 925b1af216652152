package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// letter names an object that could not be read. What was in it stays at Clerk.
type letter struct{ id, reason string }

// reasonOf is a closed set: a reason is stored, and what a decoder says may quote what it read.
func reasonOf(err error) string {
	if errors.Is(err, events.ErrUnobservable) {
		return "unexpected_shape"
	}
	return "undecodable"
}

// letters lists what of a page is malformed, by the API's client and by the projection.
func (i *inspection) letters(found []finding, p clerkapi.Page) (all []letter) {
	for range p.Malformed {
		all = append(all, letter{"", "no_id"})
	}
	for n := range found {
		if found[n].class == classMalformed {
			all = append(all, letter{tokenOrNone(found[n].object.ID), found[n].reason})
		}
	}
	return all
}

// tokenOrNone keeps what is not an id, which may be anything, out of our tables and logs.
func tokenOrNone(id string) string {
	if events.IsToken(id) {
		return id
	}
	return ""
}

// keepLetters writes them down. A letter that was closed is open again.
func (r *Reconciler) keepLetters(ctx context.Context, k *kind, letters []letter) error {
	for _, l := range letters {
		r.metrics.malformed.WithLabelValues(k.name).Inc()
		r.config.Log.WarnContext(ctx, "reconcile: an object of the API has an unexpected shape", "kind", k.name, "id", l.id, "reason", l.reason)
		if _, err := r.pool.Exec(ctx, `
insert into clerkstream.walk_letters (instance, kind, entity_id, reason)
values ($1, $2, $3, $4)
on conflict (instance, kind, entity_id, reason) do update
set times = walk_letters.times + 1, last_failed_at = now(), closed_at = null`, r.config.Instance, k.name, l.id, l.reason); err != nil {
			return fmt.Errorf("keep letter of %s %s: %w", k.name, l.id, err)
		}
	}
	return nil
}

// closeLetters closes those that a complete walk begun at the database's time since did not meet again.
func (r *Reconciler) closeLetters(ctx context.Context, k *kind, since time.Time) error {
	_, err := r.pool.Exec(ctx, `
update clerkstream.walk_letters set closed_at = now()
where instance = $1 and kind = $2 and closed_at is null and last_failed_at < $3`, r.config.Instance, k.name, since)
	if err != nil {
		return fmt.Errorf("close letters of %s: %w", k.name, err)
	}
	return nil
}
