package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// ErrNoTombstone says that nothing of that id is deleted here.
var ErrNoTombstone = errors.New("no tombstone")

// ErrNoReason says that a tombstone is lifted by a person, who tells why.
var ErrNoReason = errors.New("a restore needs a reason")

// Restored is a tombstone that was lifted.
type Restored struct {
	Kind, ID string
	Epoch    int
	Sequence uint64
}

// errFound ends a walk that has what it looked for.
var errFound = errors.New("found")

// Restore lifts the tombstone of an entity that Clerk still has: it publishes the entity's state under the next epoch, which comes before "deleted" in a
// version. It is written down first, with the reason and the login; if we crash in between, the record has no sequence and the call may be repeated.
//
// Afterwards webhooks about the entity, whose epoch is 0, lose against the row. Reconcile keeps it current, for what it publishes has the row's epoch.
func (r *Reconciler) Restore(ctx context.Context, id, reason string) (Restored, error) {
	if reason == "" {
		return Restored{}, ErrNoReason
	}
	if err := r.ready(ctx); err != nil {
		return Restored{}, err
	}
	k, tombstone, err := r.tombstone(ctx, id)
	if err != nil {
		return Restored{}, err
	}
	o, err := r.fetch(ctx, k, id)
	if err != nil {
		return Restored{}, fmt.Errorf("ask for %s: %w", id, err)
	}
	verb, ok := k.verb(o.Data)
	if !ok {
		return Restored{}, fmt.Errorf("restore %s: no event tells its state", id)
	}
	parts, err := tombstone.Parse()
	if err != nil {
		return Restored{}, fmt.Errorf("tombstone of %s: %w", id, err)
	}
	done := Restored{Kind: k.name, ID: id, Epoch: parts.Epoch + 1}
	var record int64
	err = r.pool.QueryRow(ctx, `
insert into clerkstream.restores (instance, kind, entity_id, reason, tombstone, epoch) values ($1, $2, $3, $4, $5, $6) returning id`,
		r.config.Instance, k.name, id, reason, string(tombstone), done.Epoch).Scan(&record)
	if err != nil {
		return done, fmt.Errorf("record the restore of %s: %w", id, err)
	}
	ack, err := r.append(ctx, &events.Observed{
		Object: k.object, Verb: verb, EntityID: id, Data: o.Data, At: o.ObservedAt, ClerkInstance: r.config.ClerkInstance, Replaces: tombstone, Epoch: done.Epoch,
	}, events.SourceReconcile)
	if err != nil {
		return done, err
	}
	done.Sequence = ack.Sequence
	if _, err := r.pool.Exec(ctx, `update clerkstream.restores set sequence = $2 where id = $1`, record, int64(ack.Sequence)); err != nil {
		return done, fmt.Errorf("record the restore of %s: %w", id, err)
	}
	r.config.Log.WarnContext(ctx, "reconcile: a tombstone was lifted", "kind", k.name, "id", id, "epoch", done.Epoch)
	return done, nil
}

// tombstone looks for the id in every read model: nobody should have to know which one it is of.
func (r *Reconciler) tombstone(ctx context.Context, id string) (*kind, events.Version, error) {
	g, err := r.liveGeneration(ctx, r.pool, "")
	if err != nil {
		return nil, "", err
	}
	for _, k := range kinds() {
		if !g.has(k) {
			continue
		}
		var version events.Version
		err := r.pool.QueryRow(ctx, `select t.version from `+pgx.Identifier{g.tables, k.name}.Sanitize()+` t where t.id = $1 and t.deleted`, id).Scan(&version)
		switch {
		case err == nil:
			return k, version, nil
		case !errors.Is(err, pgx.ErrNoRows):
			return nil, "", fmt.Errorf("look for the tombstone of %s: %w", id, err)
		}
	}
	return nil, "", fmt.Errorf("%w of %s", ErrNoTombstone, id)
}

// fetch reads one object of which nothing but the id is known. A tombstone does not say to which organization a membership belonged, so those are walked.
func (r *Reconciler) fetch(ctx context.Context, k *kind, id string) (found clerkapi.Object, err error) {
	if k.single != nil && k.parents == "" {
		return k.single(ctx, r.config.API, candidate{id: id})
	}
	of, err := r.config.API.Parts(ctx, k.collection, 1)
	if err != nil {
		return found, err
	}
	for _, part := range of {
		err := r.walk(ctx, k, part, "", func(_ context.Context, p clerkapi.Page) error {
			for n := range p.Objects {
				if p.Objects[n].ID == id {
					found = p.Objects[n]
					return errFound
				}
			}
			return nil
		})
		if errors.Is(err, errFound) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
	}
	return found, clerkapi.ErrNotFound
}
