package projectiontest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

// serverTimeout bounds the start of a server on a busy machine, and each transaction of a proof.
const serverTimeout = time.Minute

var errNoMain = errors.New("the package has no func TestMain(m *testing.M) { os.Exit(projectiontest.Main(m)) }, and nobody would stop the Postgres")

// server is the Postgres of one test binary: the one at DATABASE_URL, or else a private one from the machine's own binaries.
type server struct {
	mu       sync.Mutex
	owned    bool // by Main, which stops it
	postgres *pgserver.Server
	failed   error
}

// binary is what the tests of one binary share, as they share its process.
var binary server

// Main runs a package's tests, stops the Postgres that they used, and returns the exit status. Call it from TestMain.
//
// That Postgres is private, started from the binaries of the machine when the first test asks for it, or, when DATABASE_URL is set, the one
// there: its login must be a superuser, and of the databases only those are touched that the tests make and drop themselves.
func Main(m *testing.M) int {
	binary.own()
	code := m.Run()
	if err := binary.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "projectiontest: stop postgres:", err)
		code = max(code, 1)
	}
	return code
}

func (s *server) own() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned = true
}

func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	return s.postgres.Stop(ctx)
}

// url is the server's, with some database that is there.
func (s *server) url() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := os.Getenv("DATABASE_URL"); at != "" {
		return at, nil
	}
	if !s.owned {
		return "", errNoMain
	}
	if s.postgres == nil && s.failed == nil {
		// The server lives as long as the binary, so no single test's context may end it.
		s.postgres, s.failed = pgserver.Start(context.Background(), pgserver.Options{})
	}
	if s.failed != nil {
		return "", fmt.Errorf("start postgres: %w", s.failed)
	}
	return s.postgres.URL("postgres"), nil
}

// connect makes a migrated database for one test and connects to it. drop closes the connection and drops the database.
func (s *server) connect(ctx context.Context) (conn *pgx.Conn, drop func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	at, err := s.url()
	if err != nil {
		return nil, nil, err
	}
	name := "projectiontest_" + strings.ToLower(rand.Text())
	own, err := withDatabase(at, name)
	if err != nil {
		return nil, nil, err
	}
	if err := execute(ctx, at, `create database `+pgx.Identifier{name}.Sanitize()); err != nil {
		return nil, nil, err
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
		defer cancel()
		if conn != nil {
			_ = conn.Close(ctx)
		}
		return execute(ctx, at, `drop database `+pgx.Identifier{name}.Sanitize()+` with (force)`)
	}
	if _, _, err = migrate.Up(ctx, own); err == nil {
		conn, err = dial(ctx, own)
	}
	if err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	return conn, drop, nil
}

// dial connects as the projector does: no name without its schema is found.
func dial(ctx context.Context, at string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(at)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["search_path"] = ""
	config.RuntimeParams["timezone"] = "UTC"
	return pgx.ConnectConfig(ctx, config)
}

func execute(ctx context.Context, at, statement string) error {
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// withDatabase is the address with another database, in either of the forms that libpq knows.
func withDatabase(at, name string) (string, error) {
	if !strings.HasPrefix(at, "postgres://") && !strings.HasPrefix(at, "postgresql://") {
		return at + " dbname=" + name, nil
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", errors.New("DATABASE_URL is malformed") // the cause may quote the password
	}
	u.Path = "/" + name
	return u.String(), nil
}
