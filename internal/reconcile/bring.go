package reconcile

import (
	"context"
	"fmt"
	"strings"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// Brought is one object that was fetched now.
type Brought struct {
	// Sequence is the place on the stream behind which the row is there, whoever told it.
	Sequence uint64
	// Published says that it took an event of ours.
	Published bool
}

// Bring fetches one object now, in front of everything in the background, and publishes it if the row differs. id is the object's; of an organization
// membership it is "<organization id>/<user id>" as well, for who asks knows those two. It is ErrUnknownKind for a kind that cannot be asked for by id,
// and clerkapi.ErrNotFound where Clerk has no such object. A row that is deleted here stays so: see Restore.
func (r *Reconciler) Bring(ctx context.Context, name, id string) (Brought, error) {
	k, c, err := wanted(name, id)
	if err != nil {
		return Brought{}, err
	}
	o, err := k.single(clerkapi.Urgent(ctx), r.config.API, c)
	if err != nil {
		return Brought{}, err
	}
	if k.parents == "" && o.ID != id {
		// Clerk finds an organization by its slug as well, and no row has that for a key.
		return Brought{}, fmt.Errorf("%s %s: %w", k.name, id, clerkapi.ErrNotFound)
	}
	found, err := r.look(ctx, k, events.SourceHydrate, []clerkapi.Object{o}, 0)
	if err != nil {
		return Brought{}, err
	}
	f := &found[0]
	switch {
	case f.class == classMalformed:
		if err := r.keepLetters(ctx, k, []letter{{tokenOrNone(o.ID), f.reason}}); err != nil {
			return Brought{}, err
		}
		return Brought{}, fmt.Errorf("%s %s: %w", k.name, id, clerkapi.ErrShape)
	case !f.class.drifting():
		return Brought{Sequence: f.sequence}, nil
	}
	ack, err := r.publishOne(ctx, k, events.SourceHydrate, f)
	if err != nil {
		return Brought{}, err
	}
	r.metrics.published.WithLabelValues(k.name, string(events.SourceHydrate)).Inc()
	return Brought{Sequence: ack.Sequence, Published: !ack.Known}, nil
}

func wanted(name, id string) (*kind, candidate, error) {
	chosen, err := choose([]string{name})
	if err != nil {
		return nil, candidate{}, err
	}
	k, c := chosen[0], candidate{id: id}
	if k.parents != "" {
		var whole bool
		if c.organization, c.user, whole = strings.Cut(id, "/"); !whole || k.collection != clerkapi.OrganizationMemberships {
			return nil, c, fmt.Errorf("%w: %s by id alone", ErrUnknownKind, name)
		}
	}
	if k.single == nil || c.id == "" {
		return nil, c, fmt.Errorf("%w: %s by id", ErrUnknownKind, name)
	}
	return k, c, nil
}
