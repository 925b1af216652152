package projector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/schema"
)

// rosterEvery is how often a projector looks for generations of its own: how long a rebuilt one waits for its follower at most. The look is also
// the ping that keeps the session.
const rosterEvery = time.Second

// roster finds the generations that this process serves: all that its own projections made, and no other, for its code would write rows of
// another shape into their tables.
type roster struct {
	*Projector
	conn *pgx.Conn
}

func (r *roster) close(ctx context.Context) {
	if r.conn == nil {
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.conn.Close(bounded)
	r.conn = nil
}

// look lists the generations. Of a service that has none it makes the first, which is live from the start: its rows appear as they are projected.
// A service that only has those of other projections is refused, or gets its next one when Config.RebuildAuto says so.
func (r *roster) look(ctx context.Context) (own []generation, err error) {
	defer func() {
		if err != nil {
			r.close(ctx)
		}
	}()
	if r.conn == nil {
		if r.conn, err = r.open(ctx); err != nil {
			return nil, err
		}
		if err := schema.Check(ctx, r.conn); err != nil {
			return nil, refused(err, "grant clerkstream_projector to the login")
		}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	own, others, err := r.ownGenerations(ctx, r.conn)
	if err != nil || len(own) > 0 {
		return own, err
	}
	if others > 0 && !r.config.RebuildAuto {
		return nil, fmt.Errorf("%w: service %s has %d of other projections and none of hash %s; run projector rebuild, or start with --rebuild=auto",
			ErrDefinition, r.config.Service, others, r.hash)
	}
	return r.make(ctx)
}

// make registers a generation, unless another projector of this service just did.
func (r *roster) make(ctx context.Context) (own []generation, err error) {
	tx, err := r.conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("make generation: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := r.lockService(ctx, tx); err != nil {
		return nil, err
	}
	own, others, err := r.ownGenerations(ctx, tx)
	if err != nil || len(own) > 0 {
		return own, err
	}
	g, err := r.register(ctx, tx)
	if err != nil {
		return nil, err
	}
	if others == 0 {
		if err := r.expose(ctx, tx, g, r.config.Schema); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
update clerkstream.generations set state = 'live', live_since = now() where service = $1 and generation = $2`, r.config.Service, g.number); err != nil {
			return nil, fmt.Errorf("make generation %d live: %w", g.number, taken(err))
		}
		g.state = stateLive
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("make generation %d: %w", g.number, err)
	}
	r.config.Log.InfoContext(ctx, "projector: made generation", "service", r.config.Service, "generation", g.number, "state", string(g.state))
	return []generation{g}, nil
}
