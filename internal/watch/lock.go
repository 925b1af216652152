package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/schema"
)

const (
	// pingEvery is how soon the loss of the lock is noticed, and pingWithin how long Postgres may take to answer.
	pingEvery, pingWithin = time.Second, 3 * time.Second
	// idleTimeout is after how long Postgres ends a session that says nothing, and so gives the lock of a stopped process or a vanished machine to another.
	// It is longer than a ping and its answer may take: who still holds the lock knows first that it does not.
	idleTimeout = 10 * time.Second
	// connectWithin bounds each step of coming up.
	connectWithin = 10 * time.Second
)

// ErrLockLost says that the connection with the lock ended. Another process may have it already, so nothing may be read or published any more.
var ErrLockLost = errors.New("the lock of the instance is lost")

var errRole = errors.New("the login is no member of clerkstream_watcher")

// HeldError says that somebody else does the work of the instance.
type HeldError struct {
	Instance string
	// By says who, as it calls itself; Since is when it connected, and zero where that may not be known.
	By    string
	Since time.Time
}

// Error names the holder.
func (e *HeldError) Error() string {
	since := ""
	if !e.Since.IsZero() {
		since = " since " + e.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("the lock of instance %s is held by %s%s", e.Instance, e.By, since)
}

// lockName is hashed for an advisory lock. It holds in one database: watches of an instance must share theirs.
func lockName(instance string) string { return "clerkstream/watch/" + instance }

// appName is what the holder is called in pg_stat_activity, which keeps 63 bytes of it.
func appName(verb, instance string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("clerkstream %s %s, process %d on %s", verb, instance, os.Getpid(), host)
}

// lock is the right to spend an instance's budget. It is a session lock of Postgres on a connection of its own; who loses the connection loses it.
type lock struct{ conn *pgx.Conn }

// take connects and asks for the lock once. A lock that is held is a *HeldError.
func take(ctx context.Context, databaseURL, verb, instance string) (_ *lock, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := connect(ctx, databaseURL, appName(verb, instance))
	if err != nil {
		return nil, err
	}
	l := &lock{conn}
	defer func() {
		if err != nil {
			l.release(ctx)
		}
	}()
	if err := schema.Check(ctx, conn); err != nil {
		return nil, err
	}
	var got bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtextextended($1, 0))`, lockName(instance)).Scan(&got); err != nil {
		return nil, fmt.Errorf("ask for the lock of instance %s: %w", instance, err)
	}
	if !got {
		return nil, l.holder(ctx, instance)
	}
	// Only now: as the mere role it would not see since when another session of its login is there.
	if _, err := conn.Exec(ctx, `set role clerkstream_watcher`); err != nil {
		return nil, roleError(err)
	}
	return l, nil
}

// roleError tells a missing right, which waiting does not mend, from a connection that was lost.
func roleError(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "42501" {
		return fmt.Errorf("%w: grant clerkstream_watcher to the login of DATABASE_URL: %w", errRole, err)
	}
	return fmt.Errorf("become clerkstream_watcher: %w", err)
}

// connect opens a connection straight to Postgres: by way of a transaction pooler a session's lock would be somebody's.
func connect(ctx context.Context, databaseURL, name string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("parse database URL") // the cause may quote the password
	}
	c.RuntimeParams["application_name"] = name
	c.RuntimeParams["idle_session_timeout"] = fmt.Sprint(idleTimeout.Milliseconds())
	c.RuntimeParams["statement_timeout"] = fmt.Sprint(pingWithin.Milliseconds())
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return conn, nil
}

// holder tells who has the lock. The application's name is for every login to see, the rest for members of pg_read_all_stats and of the holder's role.
func (l *lock) holder(ctx context.Context, instance string) error {
	held := &HeldError{Instance: instance, By: "another process"}
	var since *time.Time
	err := l.conn.QueryRow(ctx, `
select a.application_name, a.backend_start
from pg_locks l join pg_stat_activity a using (pid), (select hashtextextended($1, 0) as key) k
where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and a.datname = current_database()
  and l.database = (select oid from pg_database where datname = current_database())
  and l.classid = ((k.key >> 32) & 4294967295)::oid and l.objid = (k.key & 4294967295)::oid`, lockName(instance)).Scan(&held.By, &since)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // it was given back just now
	case err != nil:
		return errors.Join(held, fmt.Errorf("ask who holds the lock: %w", err))
	case since != nil:
		held.Since = *since
	}
	return held
}

// keep holds the lock until ctx ends, and then returns nil, or until the connection is lost: ErrLockLost. Each beatEvery it writes the heartbeat
// instead of a mere ping, on this connection, so that a process without the lock cannot claim to be at work.
func (l *lock) keep(ctx context.Context, beatEvery time.Duration, beat func(context.Context, *pgx.Conn) error) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	last := time.Time{}
	for {
		ask := func(ctx context.Context, conn *pgx.Conn) error { return conn.Ping(ctx) }
		if time.Since(last) >= beatEvery {
			ask, last = beat, time.Now()
		}
		// Not the caller's context: cancelling a query closes the connection, and who is told to stop has the lock until it gives it back.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingWithin)
		err := ask(bounded, l.conn)
		cancel()
		if err != nil && l.conn.IsClosed() {
			return fmt.Errorf("%w: %w", ErrLockLost, err)
		}
		if err != nil {
			return fmt.Errorf("write heartbeat: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// release gives the lock back with the connection, also when ctx has ended.
func (l *lock) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
}
