package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// candidate is a row that a complete walk has not met.
type candidate struct {
	id, organization, user string
	version                events.Version
}

// extras confirms each candidate by a 404 of its own, and publishes the deletion. The walk alone is no proof: a page may have shifted under it.
func (i *inspection) extras(ctx context.Context, met *seen) error {
	// What was published just now, a deleted organization for one, takes rows out of sight that need no request then.
	if err := i.catchUp(ctx); err != nil {
		return err
	}
	witnessed := false
	for after := ""; ; {
		some, err := i.candidates(ctx, met, after)
		if err != nil || len(some) == 0 {
			return err
		}
		after = some[len(some)-1].id
		if i.kind.single == nil {
			i.result.Note = fmt.Sprintf("%d rows and more were not met, and %s cannot be asked for one by one", len(some), i.kind.name)
			return nil
		}
		if !witnessed {
			if err := i.witness(ctx, met); err != nil {
				return err
			}
			witnessed = true
		}
		if err := i.confirmAll(ctx, some); err != nil {
			return err
		}
	}
}

// candidatesAtOnce bounds the candidates in memory, confirmations the requests that wait at once.
const (
	candidatesAtOnce = 1000
	confirmations    = 8
)

// candidates are visible rows that were not met. What a deleted parent hides is gone for every reader as it is. A row that was told of after the walk
// began may be of something that came to be behind the walk's back, and what is younger than Grace may not have come yet to where Clerk reads from: a 404
// would be no more than late, and a deletion is for good.
func (i *inspection) candidates(ctx context.Context, met *seen, after string) ([]candidate, error) {
	g, err := i.liveGeneration(ctx, i.pool, i.kind.name)
	if err != nil || !g.has(i.kind) {
		return nil, err
	}
	parents := `'', ''`
	if i.kind.parents != "" {
		parents = i.kind.parents
	}
	met.mu.Lock()
	defer met.mu.Unlock()
	rows, err := met.conn.Query(ctx, `
select t.id, `+parents+`, t.version
from `+pgx.Identifier{i.config.Schema, i.kind.name}.Sanitize()+` v
join `+pgx.Identifier{g.tables, i.kind.name}.Sanitize()+` t on t.id = v.id
where t.id > $1 and not exists (select from pg_temp.seen s where s.id = t.id)
  and substr(t.version, 24, 15)::bigint < $2 and substr(t.version, 8, 15)::bigint <= $3
order by t.id limit $4`, after, i.result.Started.UnixMilli(), i.result.Started.Add(-i.grace).UnixMilli(), candidatesAtOnce)
	if err != nil {
		return nil, fmt.Errorf("look for extra %s: %w", i.kind.name, err)
	}
	some, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c candidate, err error) {
		return c, row.Scan(&c.id, &c.organization, &c.user, &c.version)
	})
	if err != nil {
		return nil, fmt.Errorf("look for extra %s: %w", i.kind.name, err)
	}
	return some, nil
}

// ErrNoWitness says that the API shows an object in its list and answers 404 for it: then its 404s prove nothing.
var ErrNoWitness = errors.New("the API denies what it lists; nothing was deleted")

// witness asks for objects that the walk has just met. One that is there proves that a 404 means something.
func (i *inspection) witness(ctx context.Context, met *seen) error {
	g, err := i.liveGeneration(ctx, i.pool, i.kind.name)
	if err != nil {
		return err
	}
	parents := `'', ''`
	if i.kind.parents != "" {
		parents = i.kind.parents
	}
	met.mu.Lock()
	rows, err := met.conn.Query(ctx, `
select t.id, `+parents+`, t.version
from `+pgx.Identifier{g.tables, i.kind.name}.Sanitize()+` t join pg_temp.seen s on s.id = t.id
where not t.deleted limit 5`)
	var some []candidate
	if err == nil {
		some, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c candidate, err error) {
			return c, row.Scan(&c.id, &c.organization, &c.user, &c.version)
		})
	}
	met.mu.Unlock()
	if err != nil {
		return fmt.Errorf("choose a witness of %s: %w", i.kind.name, err)
	}
	for _, c := range some {
		i.addRequests(1)
		if _, err := i.kind.single(ctx, i.config.API, c); err == nil {
			return nil
		} else if !errors.Is(err, clerkapi.ErrNotFound) {
			return fmt.Errorf("ask for %s: %w", c.id, err)
		}
	}
	if len(some) == 0 {
		return nil // an empty list, which its count confirms
	}
	return fmt.Errorf("%w: %d of the %s that it lists", ErrNoWitness, len(some), i.kind.name)
}

func (i *inspection) confirmAll(ctx context.Context, some []candidate) error {
	var extra, published atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(confirmations)
	for _, c := range some {
		group.Go(func() error {
			at, gone, err := i.gone(ctx, c)
			if err != nil || !gone {
				return err
			}
			extra.Add(1)
			if !i.publishes || !i.kind.deletable() {
				return nil
			}
			_, err = i.append(ctx, &events.Observed{
				Object: i.kind.object, Verb: "deleted", EntityID: c.id, At: at, ClerkInstance: i.config.ClerkInstance, Replaces: c.version,
			}, i.source)
			if err == nil {
				published.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.result.Requests += int64(len(some))
	i.result.Extra += extra.Load()
	i.result.Published += published.Load()
	i.metrics.published.WithLabelValues(i.kind.name, string(i.source)).Add(float64(published.Load()))
	if !i.kind.deletable() && i.result.Extra > 0 {
		i.result.Note = "no event ends one of " + i.kind.name + "; the extra ones were left"
	}
	return err
}

// gone asks for the object itself. Only a 404 is an answer; whatever else goes wrong ends the run without a deletion.
func (i *inspection) gone(ctx context.Context, c candidate) (at time.Time, gone bool, err error) {
	at = i.config.Now()
	if i.config.unconfirmed {
		return at, true, nil
	}
	if i.kind.parents != "" && c.organization == "" || i.kind.collection == clerkapi.OrganizationMemberships && c.user == "" {
		return at, false, nil // there is nobody to ask for it
	}
	o, err := i.kind.single(ctx, i.config.API, c)
	switch {
	case errors.Is(err, clerkapi.ErrNotFound):
		return at, true, nil
	case err != nil:
		return at, false, fmt.Errorf("confirm that %s is gone: %w", c.id, err)
	}
	// Of a membership Clerk may show the one that took its place.
	return at, i.kind.collection == clerkapi.OrganizationMemberships && o.ID != c.id, nil
}
