package projector

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// bed is one test's log and database.
type bed struct {
	*testkit.Log
	url  string
	conn *pgx.Conn
	// failed is why a projector of this bed gave up, so that nobody waits for it.
	failed atomic.Pointer[error]
}

func newBed(t testing.TB) *bed {
	t.Helper()
	url := stack.Database(t)
	return &bed{Log: stack.Log(t), url: url, conn: testkit.Connect(t, url)}
}

func (b *bed) config() Config {
	return Config{
		Service: "test", Instance: b.Instance, Projections: projections.All(),
		DatabaseURL: b.url, NATSURL: b.URL,
	}
}

// start runs a projector until stop is called or the test ends. stop returns what Run returned.
func (b *bed) start(t testing.TB, c Config) (p *Projector, stop func() error) {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := p.Run(ctx)
		if err != nil {
			b.failed.Store(&err)
		}
		ended <- err
	}()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { _ = stop() })
	return p, stop
}

// until waits for the checkpoint to reach a sequence.
func (b *bed) until(t testing.TB, sequence uint64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if failed := b.failed.Load(); failed != nil {
			t.Fatal(*failed)
		}
		at, err := b.checkpoint(t)
		if err == nil && at < sequence {
			err = fmt.Errorf("checkpoint is at %d and should reach %d", at, sequence)
		}
		return err
	})
}

func (b *bed) checkpoint(t testing.TB) (at uint64, err error) {
	t.Helper()
	err = b.conn.QueryRow(t.Context(), `select sequence from clerkstream.checkpoints where service = 'test'`).Scan(&at)
	return at, err
}

// value reads one value.
func value[T any](t testing.TB, b *bed, sql string, args ...any) (v T) {
	t.Helper()
	if err := b.conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// project runs a projector up to a sequence and stops it.
func (b *bed) project(t testing.TB, c Config, sequence uint64) {
	t.Helper()
	_, stop := b.start(t, c)
	b.until(t, sequence)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, p *Projector, s State) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if p.State() != s {
			return fmt.Errorf("it is %s and should be %s", p.State(), s)
		}
		return nil
	})
}
