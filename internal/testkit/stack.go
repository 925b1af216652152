// Package testkit gives tests the real parts: one private Postgres and one nats-server for each test binary, and for each test a database and a
// stream of its own, so that all of them run in parallel.
package testkit

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

// Stack is the servers of one test binary. A package's main_test.go holds it and hands it to Main; each server starts when the first test asks for it.
type Stack struct {
	startPostgres, startNATS sync.Once
	postgres                 *pgserver.Server
	nats                     *natsserver.Server
	storeDir                 string
	noPostgres, noNATS       error // why a server did not start; each is written by the one start of its own
	databases, instances     atomic.Int64
}

// startTimeout bounds the start of a server on a busy machine.
const startTimeout = time.Minute

// Main runs a package's tests, stops the servers they used, and fails when a goroutine is left over.
func Main(m *testing.M, s *Stack) {
	code := m.Run()
	s.stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (s *Stack) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if s.nats != nil {
		s.nats.Stop()
		_ = os.RemoveAll(s.storeDir)
	}
	if s.postgres != nil {
		_ = s.postgres.Stop(ctx)
	}
}

// postgresSettings are those of a server that was set up for its work; the defaults are for one that shares a small machine.
func postgresSettings() map[string]string {
	return map[string]string{"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "300"}
}

// template is the database that is migrated once and cloned for each test.
const template = "migrated"

// Postgres is the package's private server.
func (s *Stack) Postgres(t testing.TB) *pgserver.Server {
	t.Helper()
	s.startPostgres.Do(func() {
		// The server lives as long as the binary, so no single test's context may end it.
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if s.postgres, s.noPostgres = pgserver.Start(context.Background(), pgserver.Options{Settings: postgresSettings()}); s.noPostgres != nil {
			return
		}
		if s.noPostgres = s.postgres.CreateDatabase(ctx, template, ""); s.noPostgres != nil {
			return
		}
		_, _, s.noPostgres = migrate.Up(ctx, s.postgres.URL(template))
	})
	if s.noPostgres != nil {
		t.Fatalf("start postgres: %v", s.noPostgres)
	}
	return s.postgres
}

// Database makes a migrated database for one test and returns its URL, as superuser.
func (s *Stack) Database(t testing.TB) string {
	t.Helper()
	pg := s.Postgres(t)
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := pg.CreateDatabase(ctx, name, template); err != nil {
		t.Fatal(err)
	}
	// Rights on a database are not part of its template.
	conn := Connect(t, pg.URL(name))
	if _, err := conn.Exec(ctx, `grant create on database `+pgx.Identifier{database(conn)}.Sanitize()+` to clerkstream_owner`); err != nil {
		t.Fatal(err)
	}
	return pg.URL(name)
}

func database(conn *pgx.Conn) string { return conn.Config().Database }

// Connect opens a connection that ends with the test.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// NATS is the package's server.
func (s *Stack) NATS(t testing.TB) *natsserver.Server {
	t.Helper()
	s.startNATS.Do(func() {
		if s.storeDir, s.noNATS = os.MkdirTemp("", "clerkstream-nats-"); s.noNATS != nil {
			return
		}
		s.nats, s.noNATS = natsserver.Start(context.Background(), natsserver.Options{StoreDir: s.storeDir})
	})
	if s.nats == nil {
		t.Fatalf("start nats-server: %v", s.noNATS)
	}
	return s.nats
}

// Log is one test's instance with its provisioned stream.
type Log struct {
	URL      string
	Instance string
	JS       jetstream.JetStream
	Stream   jetstream.Stream
}

// Log provisions a stream for one test.
func (s *Stack) Log(t testing.TB) *Log {
	t.Helper()
	l := &Log{URL: s.NATS(t).URL(), Instance: fmt.Sprintf("t%d", s.instances.Add(1))}
	nc, err := nats.Connect(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if l.JS, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Provision(t.Context(), l.JS, l.Instance, broker.Settings{DuplicateWindow: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if l.Stream, err = l.JS.Stream(t.Context(), broker.StreamName(l.Instance)); err != nil {
		t.Fatal(err)
	}
	return l
}

// Eventually asks until check has nothing to complain of, and fails the test with its last complaint after a generous while.
func Eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(strings.TrimSpace(err.Error()))
		}
		<-tick.C
	}
}
