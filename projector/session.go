package projector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/schema"
)

const (
	// idleTimeout is after how long Postgres ends a session that says nothing. Without it a leader that was stopped (SIGSTOP, a frozen machine)
	// keeps its lock for as long as its TCP connection lives. A standby is to lead within five seconds: the rest is for the statement in hand, which ends
	// before the silence begins, for the standby's next ask, and for the first batch.
	idleTimeout = 3 * time.Second
	// pingEvery keeps a session alive that has nothing to write.
	pingEvery = time.Second
	// connectTimeout bounds each step of coming up.
	connectTimeout = 10 * time.Second
)

// session is one try to lead: from an open connection to the first error. Everything that was believed before is read again, so an
// error anywhere is mended by beginning a new session.
type session struct {
	*follower
	conn       *pgx.Conn
	js         jetstream.JetStream
	reconnects uint64
	// start is where the session began; its stream identity holds for the whole session.
	start checkpoint
	// rehearsal says that what the session writes is never committed, so nothing that it meets is news: no message becomes a dead letter.
	rehearsal bool

	// Owned by the writer.
	at checkpoint
	// lettersOpen says that dead letters wait for a newer event; each transaction learns it with the checkpoint.
	lettersOpen bool
}

// session leads until something ends it, and says what.
func (f *follower) session(ctx context.Context, js jetstream.JetStream) error {
	reconnects, err := f.awaitBroker(ctx, js.Conn())
	if err != nil {
		return err
	}
	s := &session{follower: f, js: js, reconnects: reconnects}
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer s.close(ctx)
	if err := s.elect(ctx); err != nil {
		return err
	}
	stream, err := s.recover(ctx)
	if err != nil {
		return err
	}
	if s.generation.state == stateBuilding {
		if !s.config.RebuildAuto {
			return errNotBuilt
		}
		if err := s.build(ctx, stream, nil); err != nil {
			return err
		}
		if err := s.allowSilence(ctx, idleTimeout); err != nil {
			return err
		}
	}
	s.enter(StateLeading, "")
	return s.project(ctx, stream)
}

// connect opens the session's connection and makes sure that the operational schema is the one this code knows.
func (s *session) connect(ctx context.Context) (err error) {
	if s.conn, err = s.open(ctx); err != nil {
		return err
	}
	if err := schema.Check(ctx, s.conn); err != nil {
		s.close(ctx)
		return refused(err, "grant "+projections.RoleProjector+" to the login")
	}
	return nil
}

// close gives the lock back with the connection, also when the caller is on its way out because ctx ended.
func (s *session) close(ctx context.Context) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.conn.Close(bounded)
}

// recover reads everything again that a session goes by: role, generation, position, and that the stream is still the same.
func (s *session) recover(ctx context.Context) (jetstream.Stream, error) {
	if _, err := s.conn.Exec(ctx, `set role `+projections.RoleProjector); err != nil {
		return nil, refused(fmt.Errorf("become projector: %w", err), "grant "+projections.RoleProjector+" to the login")
	}
	var err error
	if s.start, err = s.loadCheckpoint(ctx); err != nil {
		return nil, err
	}
	stream, err := s.checkLog(ctx)
	if err != nil {
		return nil, err
	}
	s.at = s.start
	return stream, nil
}

// open connects straight to Postgres, with the settings that make it notice when we are gone.
func (p *Projector) open(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(p.config.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL")
	}
	c.ConnectTimeout = connectTimeout
	c.AfterConnect = missClient
	maps.Copy(c.RuntimeParams, settingsOf(p.config.Service))
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return conn, nil
}

// settingsOf are the settings of a projector's session.
func settingsOf(service string) map[string]string {
	idle := fmt.Sprint(idleTimeout.Milliseconds())
	return map[string]string{
		"application_name":                    "clerkstream projector " + service,
		"idle_session_timeout":                idle,
		"idle_in_transaction_session_timeout": idle,
		// A batch takes seconds at most; a statement that waits longer waits for a lock nobody will give.
		"statement_timeout": "60s",
		"search_path":       "",
		// A bulk load's temporary table stays in memory: the default of 8 MB would write most batches to files and read them back.
		"temp_buffers": "64MB",
		// Statements here have one sensible plan each. A custom plan would fold whole batches into it as constants, which cost half of the write time.
		"plan_cache_mode": "force_generic_plan",
	}
}

// missClient lets Postgres look, each second of a statement, whether its client is still there: without it the backend of a process that was killed
// keeps its locks until the statement ends. It costs a system call a second. Where the server's system cannot tell (Windows, and before Postgres 15 all but
// Linux), Postgres refuses the setting, and we go on without.
func missClient(ctx context.Context, conn *pgconn.PgConn) error {
	err := conn.Exec(ctx, `set client_connection_check_interval = '1s'`).Close()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "22023" {
		return nil
	}
	return err
}

// project runs the stages until one of them fails or ctx ends. On the way out the writer finishes the transaction in hand.
func (s *session) project(ctx context.Context, stream jetstream.Stream) error {
	group, running := errgroup.WithContext(ctx)
	budget := newBudget(s.config.MaxBytes)
	read := make(chan *message, 2*s.config.MaxBatch)
	prepared := make(chan *batch, 1)
	group.Go(func() error { return s.read(running, budget, read) })
	group.Go(func() error { return s.prepare(running, read, prepared) })
	group.Go(func() error { return s.write(running, budget, prepared) })
	group.Go(func() error { return s.watch(running, stream) })
	group.Go(func() error { return s.verifySamples(running) })
	return group.Wait()
}

// watch ends the session when the broker was away, when it refuses something, or when the stream under us became another one: an ordered
// consumer hides all three.
func (s *session) watch(ctx context.Context, stream jetstream.Stream) error {
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.denied:
			return err
		case <-s.reconnected:
			// The word of a change may be older than the session.
			if nc := s.js.Conn(); !nc.IsConnected() || nc.Stats().Reconnects != s.reconnects {
				return errReconnected
			}
			continue
		case <-look.C:
		}
		bounded, cancel := context.WithTimeout(ctx, connectTimeout)
		info, err := stream.Info(bounded)
		cancel()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", s.stream, err)
		}
		if err := broker.Check(info, s.config.Instance); err != nil {
			return err
		}
		if err := s.start.matches(info); err != nil {
			return err
		}
		s.metrics.streamAt(info.State.LastSeq)
	}
}

// awaitBroker waits until there is a broker to read from, and tells how often the connection was renewed by then.
func (f *follower) awaitBroker(ctx context.Context, nc *nats.Conn) (reconnects uint64, err error) {
	for !nc.IsConnected() {
		f.enter(StateWaiting, "broker is away")
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-f.reconnected:
		}
	}
	return nc.Stats().Reconnects, nil
}
