package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrBuilding is returned when somebody else is building a generation of the service.
var ErrBuilding = errors.New("a generation of this service is being built")

// Rebuilt is what Rebuild made.
type Rebuilt struct {
	Generation int
	// Sequence is the position at which the builder handed over. Resumed says that an interrupted build was gone on with.
	Sequence uint64
	Resumed  bool
}

// Rebuild folds the stream into the service's next generation and makes it ready to become live. Nobody sees it until Switch. It holds the
// generation's lock; when it returns, a running projector of the same projections takes the lock and keeps the generation current.
//
// A build that was interrupted is gone on with when the same projections began it, and discarded when others did. ErrBuilding names who is
// building already. report may be nil; it is called often, from this goroutine, and must be quick.
func (o *Operator) Rebuild(ctx context.Context, report func(Progress)) (Rebuilt, error) {
	s := o.sessionOn(generation{})
	if err := s.connect(ctx); err != nil {
		return Rebuilt{}, err
	}
	defer s.close(ctx)
	g, resumed, err := o.claim(ctx, s)
	if err != nil {
		return Rebuilt{}, err
	}
	s.follower = newFollower(o.Projector, g)
	o.config.switches.step("registered")
	stream, err := s.recover(ctx)
	if err != nil {
		return Rebuilt{}, err
	}
	err = s.build(ctx, stream, report)
	return Rebuilt{g.number, s.at.sequence, resumed}, err
}

// claim finds or makes the generation to build and takes its lock, before anybody else can know of it.
func (o *Operator) claim(ctx context.Context, s *session) (g generation, resumed bool, err error) {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return g, false, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := o.lockService(ctx, tx); err != nil {
		return g, false, err
	}
	unfinished, err := o.unfinished(ctx, tx)
	if err != nil {
		return g, false, err
	}
	for _, u := range unfinished {
		if err := o.takeLock(ctx, tx, u.number); err != nil {
			return g, false, err
		}
		if u.hash == o.hash {
			g, resumed = u.generation, true
			continue
		}
		if err := o.discard(ctx, tx, u.generation); err != nil {
			return g, false, err
		}
	}
	if !resumed {
		if g, err = o.register(ctx, tx); err != nil {
			return g, false, err
		}
		if err := o.takeLock(ctx, tx, g.number); err != nil {
			return g, false, err
		}
	}
	o.config.switches.step("registering")
	if err := tx.Commit(ctx); err != nil {
		return g, false, fmt.Errorf("register generation %d: %w", g.number, err)
	}
	return g, resumed, nil
}

type unfinished struct {
	generation
	hash string
}

// unfinished lists the generations that somebody began to build.
func (o *Operator) unfinished(ctx context.Context, tx pgx.Tx) (list []unfinished, err error) {
	rows, err := tx.Query(ctx, `
select generation, table_schema, definition_hash
from clerkstream.generations
where service = $1 and state = 'building'
order by generation`, o.config.Service)
	if err != nil {
		return nil, fmt.Errorf("list generations of %s: %w", o.config.Service, err)
	}
	u := unfinished{generation: generation{state: stateBuilding}}
	_, err = pgx.ForEachRow(rows, []any{&u.number, &u.tables, &u.hash}, func() error {
		list = append(list, u)
		return nil
	})
	return list, err
}

// takeLock takes the generation's lock for the connection, or says who has it.
func (o *Operator) takeLock(ctx context.Context, tx pgx.Tx, number int) error {
	var (
		free bool
		who  string
	)
	err := tx.QueryRow(ctx, `
with key as (select hashtextextended($1, 0) as k)
select pg_try_advisory_lock(k), coalesce((
  select format('%s, process %s, connected since %s', coalesce(nullif(a.application_name, ''), 'a client'), a.pid, a.backend_start::timestamptz(0))
  from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.granted and l.pid <> pg_backend_pid()
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32) | l.objid::bigint = k limit 1), 'somebody')
from key`, lockKey(o.config.Service, number)).Scan(&free, &who)
	if err != nil {
		return fmt.Errorf("lock generation %d: %w", number, err)
	}
	if !free {
		return fmt.Errorf("%w: generation %d by %s", ErrBuilding, number, who)
	}
	return nil
}
