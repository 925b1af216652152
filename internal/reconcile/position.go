package reconcile

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// walk is one part of a kind's backfill, as clerkstream.walks keeps it.
type walk struct {
	kind                                 string
	number                               int
	part                                 clerkapi.Part
	position                             clerkapi.Position
	objects, published, malformed, total int64
	finished                             bool
}

const purposeBackfill = "backfill"

// beginWalks tells whether an earlier backfill of these kinds was cut off. If none was, or it is not wanted, the slate is clean.
func (r *Reconciler) beginWalks(ctx context.Context, chosen []*kind, restart bool) (resumed bool, err error) {
	if !restart {
		err := r.pool.QueryRow(ctx, `select exists (select from clerkstream.walks where instance = $1 and purpose = $2 and kind = any($3))`,
			r.config.Instance, purposeBackfill, names(chosen)).Scan(&resumed)
		if err != nil {
			return false, fmt.Errorf("read walks: %w", err)
		}
		return resumed, nil
	}
	return false, r.endWalks(ctx, chosen)
}

// endWalks forgets positions. That of a kind which is done stays until all are, or a resumed backfill would walk it again.
func (r *Reconciler) endWalks(ctx context.Context, chosen []*kind) error {
	_, err := r.pool.Exec(ctx, `delete from clerkstream.walks where instance = $1 and purpose = $2 and kind = any($3)`,
		r.config.Instance, purposeBackfill, names(chosen))
	if err != nil {
		return fmt.Errorf("forget walks: %w", err)
	}
	return nil
}

// planWalk reads a kind's parts, or cuts it into parts and writes them down in one statement: after a crash there are all of them or none.
func (r *Reconciler) planWalk(ctx context.Context, k *kind) (of []walk, total int64, err error) {
	if of, err = r.loadWalks(ctx, k); err != nil || len(of) > 0 {
		if len(of) > 0 {
			total = of[0].total
		}
		return of, total, err
	}
	n, err := r.count(ctx, k)
	if err != nil {
		return nil, 0, err
	}
	cut, err := r.config.API.Parts(ctx, k.collection, parts)
	if err != nil {
		return nil, 0, err
	}
	texts := make([]string, len(cut))
	for i, part := range cut {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, 0, fmt.Errorf("write part of %s: %w", k.name, err)
		}
		texts[i] = string(text)
	}
	if _, err := r.pool.Exec(ctx, `
insert into clerkstream.walks (instance, purpose, kind, number, part, total)
select $1, $2, $3, n, part::jsonb, $5 from unnest($4::text[]) with ordinality as p(part, n)`,
		r.config.Instance, purposeBackfill, k.name, texts, n); err != nil {
		return nil, 0, fmt.Errorf("write down the walk of %s: %w", k.name, err)
	}
	of, err = r.loadWalks(ctx, k)
	return of, n, err
}

func (r *Reconciler) loadWalks(ctx context.Context, k *kind) ([]walk, error) {
	rows, err := r.pool.Query(ctx, `
select number, part::text, position, objects, published, malformed, coalesce(total, -1), finished_at is not null
from clerkstream.walks where instance = $1 and purpose = $2 and kind = $3 order by number`, r.config.Instance, purposeBackfill, k.name)
	if err != nil {
		return nil, fmt.Errorf("read walk of %s: %w", k.name, err)
	}
	of, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w walk, err error) {
		var part string
		w.kind = k.name
		if err := row.Scan(&w.number, &part, &w.position, &w.objects, &w.published, &w.malformed, &w.total, &w.finished); err != nil {
			return w, err
		}
		return w, json.Unmarshal([]byte(part), &w.part)
	})
	if err != nil {
		return nil, fmt.Errorf("read walk of %s: %w", k.name, err)
	}
	return of, nil
}

// saveWalk writes the position down. Everything in front of it is acknowledged.
func (r *Reconciler) saveWalk(ctx context.Context, w *walk) error {
	_, err := r.pool.Exec(ctx, `
update clerkstream.walks
set position = $5, objects = $6, published = $7, malformed = $8, updated_at = now(), finished_at = case when $9 then now() end
where instance = $1 and purpose = $2 and kind = $3 and number = $4`,
		r.config.Instance, purposeBackfill, w.kind, w.number, string(w.position), w.objects, w.published, w.malformed, w.finished)
	if err != nil {
		return fmt.Errorf("write down the position in %s: %w", w.kind, err)
	}
	return nil
}
