package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// stalledAfter is how many looks in a row must see the same before a leader counts as stopped: together as long as a session may be idle. Looks are
// counted and not seconds, so a standby that was stopped itself does not take its own silence for the leader's.
const stalledAfter = int(idleTimeout / electEvery)

// lookout is how a standby sees the session that has the lock. Postgres itself ends the session of a leader that was stopped between two statements. It
// does not when the leader was stopped inside one in which the server waits for it: there no idle timeout runs. Reading a COPY, the server waits until
// statement_timeout; sending a result, for ever. So the standby ends that session.
//
// A leader that is alive but makes no progress for so long may be ended too. That costs a batch, never a row: what it had not committed is gone, and its
// next session stands by.
type lookout struct {
	*session
	last sight
	// same is how many looks in a row saw what the one before them saw.
	same int
	told bool
}

// sight is what one look sees of the session that has the lock; zero when nobody has it.
type sight struct {
	pid int32
	// hidden: it belongs to another login, and nothing may be seen of it.
	hidden bool
	// waiting: its server waits for it inside a statement.
	waiting bool
	// progress differs whenever the session did something: began a statement, moved or received a byte of a COPY.
	progress string
}

// look ends the session that has the lock if it was seen waiting, without any progress, for stalledAfter looks.
func (l *lookout) look(ctx context.Context) error {
	if l.config.switches.unwatched {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	now, err := l.see(ctx)
	if err != nil {
		return err
	}
	if now.hidden {
		l.tell(ctx, now)
	}
	if !now.waiting || now != l.last {
		l.last, l.same = now, 0
		return nil
	}
	if l.same++; l.same < stalledAfter {
		return nil
	}
	l.same = 0
	return l.end(ctx, now)
}

func (l *lookout) see(ctx context.Context) (now sight, err error) {
	// A result has no count of what was sent: while one is being sent, the statement's start is all there is to go by.
	err = l.conn.QueryRow(ctx, `
select a.pid, a.state is null, coalesce(a.state = 'active' and a.wait_event in ('ClientRead', 'ClientWrite'), false),
  concat_ws(' ', a.backend_start, a.query_start, a.state_change, a.wait_event, c.bytes_processed)
from pg_locks l
join pg_stat_activity a using (pid)
left join pg_stat_progress_copy c using (pid)
where l.locktype = 'advisory' and l.granted
  and l.database = (select oid from pg_database where datname = current_database())
  and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)
limit 1`, lockKey(l.config.Service, l.generation.number)).Scan(&now.pid, &now.hidden, &now.waiting, &now.progress)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return now, fmt.Errorf("look at the leader of generation %d: %w", l.generation.number, err)
	}
	return now, nil
}

// end ends the leader's session, which gives its lock back and undoes its transaction. A login may end its own sessions.
func (l *lookout) end(ctx context.Context, leader sight) error {
	_, err := l.conn.Exec(ctx, `select pg_terminate_backend($1)`, leader.pid)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42501":
		l.tell(ctx, leader)
		return nil
	case err != nil:
		return fmt.Errorf("end session %d of a leader that stopped: %w", leader.pid, err)
	}
	l.config.Log.WarnContext(ctx, "projector: ended the session of a leader that stopped inside a statement", "service", l.config.Service,
		"generation", l.generation.number, "pid", leader.pid)
	return nil
}

// tell says once what this login lacks.
func (l *lookout) tell(ctx context.Context, leader sight) {
	if l.told {
		return
	}
	l.told = true
	l.config.Log.WarnContext(ctx, "projector: a leader that stops inside a statement cannot be replaced, for it has another login; "+
		"use the same one, or grant pg_read_all_stats and pg_signal_backend to this one", "service", l.config.Service,
		"generation", l.generation.number, "pid", leader.pid)
}
