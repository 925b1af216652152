package subscribe

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/events"
)

// once runs effect in a transaction together with the inbox's entry, and reports that it was there before instead. Two processes at the same event
// meet on the entry: the second waits for the first's commit, or takes over when it rolls back.
func once(ctx context.Context, pool Pool, service, handler string, e *events.Event, effect func(pgx.Tx) error) (duplicate bool, err error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin transaction of %s: %w", handler, err)
	}
	// After a commit it does nothing.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	entry, err := tx.Exec(ctx, `
insert into clerkstream.inbox (service, handler, event_id, event_type, entity_id, version)
values ($1, $2, $3, $4, $5, $6)
on conflict do nothing`, service, handler, e.ID, e.Type, e.EntityID, factVersion(e.Version))
	if err != nil {
		return false, fmt.Errorf("enter event %s into the inbox: %w", e.ID, err)
	}
	if entry.RowsAffected() == 0 {
		return true, nil
	}
	if err := effect(tx); err != nil {
		return false, err
	}
	// If the connection breaks here nobody knows whether it was committed. The event comes again and the inbox knows.
	if err := tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("commit %s for event %s: %w", handler, e.ID, err)
	}
	return false, nil
}

// factVersion is a version without the event's id, its last part: two ids that brought the same fact agree in the rest.
func factVersion(v events.Version) string {
	p, err := v.Parse()
	if err != nil {
		return string(v)
	}
	return string(v[:len(v)-len(p.EventID)-1])
}

// Execer runs one statement: a *pgxpool.Pool, a *pgx.Conn or a pgx.Tx.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// pruneBatch bounds the rows of one statement, and so the time that it holds locks.
const pruneBatch = 10_000

// Prune deletes a service's inbox entries that are older than age and returns how many they were. Nothing does so by itself: an entry costs about 440
// bytes with its indexes, and what is pruned is handled again by whatever brings the event again. Svix repeats a delivery for 27.6 hours, a person any
// time later, and a reset as far back as it is told to: prune what is older than the furthest reset you want, never less than a week.
func Prune(ctx context.Context, db Execer, service string, age time.Duration) (pruned int64, err error) {
	for {
		done, err := db.Exec(ctx, `
delete from clerkstream.inbox i
using (select ctid from clerkstream.inbox where service = $1 and done_at < now() - $2::interval limit $3) old
where i.ctid = old.ctid`, service, age, pruneBatch)
		if err != nil {
			return pruned, fmt.Errorf("prune inbox of %s: %w", service, err)
		}
		pruned += done.RowsAffected()
		if done.RowsAffected() < pruneBatch {
			return pruned, nil
		}
	}
}
