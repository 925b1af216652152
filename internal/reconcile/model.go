package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// The reasons not to compare.
var (
	// ErrNoReadModel: nobody has built one. Start a projector first; it makes its first generation by itself.
	ErrNoReadModel = errors.New("no live generation to compare with")
	// ErrReadModelBehind: what the rows lack may only be late, and would be taken for missing.
	ErrReadModelBehind = errors.New("read model is behind its stream")
)

// generation is the copy of the read model that readers see.
type generation struct {
	tables   string
	models   []string
	sequence uint64
	// private says that the kind's table has a column private_metadata.
	private bool
}

// liveGeneration reads which one that is, at each use: it may be switched at any moment, and a retired one loses its tables.
func (r *Reconciler) liveGeneration(ctx context.Context, q queryer, model string) (g generation, err error) {
	err = q.QueryRow(ctx, `
select g.table_schema, g.read_models, c.sequence, exists (
  select from pg_attribute a
  where a.attrelid = to_regclass(format('%I.%I', g.table_schema, $3::text)) and a.attname = 'private_metadata' and not a.attisdropped)
from clerkstream.generations g
join clerkstream.checkpoints c using (service, generation)
where g.state = 'live' and g.view_schema = $1 and g.instance = $2`, r.config.Schema, r.config.Instance, model).Scan(&g.tables, &g.models, &g.sequence, &g.private)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, fmt.Errorf("%w: schema %s, instance %s", ErrNoReadModel, r.config.Schema, r.config.Instance)
	}
	if err != nil {
		return g, fmt.Errorf("read live generation: %w", err)
	}
	return g, nil
}

// queryer is what a pool, a connection and a transaction have in common.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// has says whether the generation holds the read model.
func (g *generation) has(k *kind) bool {
	return k.comparer(g.private) != nil && slices.Contains(g.models, k.name)
}

// comparer is the kind's projection, or nil where it has no read model.
func (k *kind) comparer(private bool) projections.Comparer {
	if private && k.private != nil {
		return k.private
	}
	return k.public
}

// catchUp waits until the live generation has applied all that the stream holds now.
func (r *Reconciler) catchUp(ctx context.Context) error {
	last, err := r.lastSequence(ctx)
	if err != nil {
		return err
	}
	poll := time.NewTicker(catchUpPoll)
	defer poll.Stop()
	deadline := time.NewTimer(r.config.CatchUp)
	defer deadline.Stop()
	for {
		g, err := r.liveGeneration(ctx, r.pool, "")
		if err != nil {
			return err
		}
		if g.sequence >= last {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fmt.Errorf("%w: it is at %d of %d after %s", ErrReadModelBehind, g.sequence, last, r.config.CatchUp)
		case <-poll.C:
		}
	}
}

const catchUpPoll = 5 * time.Millisecond

// lastSequence is the stream's end.
func (r *Reconciler) lastSequence(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	stream, err := r.config.JS.Stream(ctx, r.stream)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", r.stream, err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// brokerTimeout bounds one question to the broker.
const brokerTimeout = 10 * time.Second
