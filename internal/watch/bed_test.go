package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/directory/hydrate"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// bed is one test's Clerk, stream and read model, with a projector at work. Webhooks come when the test delivers them.
type bed struct {
	*testkit.Log
	t     testing.TB
	clerk *clerksim.Clerk
	api   string
	url   string // as superuser
	conn  *pgx.Conn
	// as is the broker's address for one of its users.
	as func(user string) string
}

func newBed(t testing.TB, c clerksim.ClerkConfig) *bed {
	t.Helper()
	log := stack.Log(t)
	return newBedOn(t, log, func(string) string { return log.URL }, c)
}

// newBedOn is a bed on a broker of the caller's.
func newBedOn(t testing.TB, log *testkit.Log, as func(user string) string, c clerksim.ClerkConfig) *bed {
	t.Helper()
	b := &bed{Log: log, t: t, clerk: clerksim.NewClerk(c), url: stack.Database(t), as: as}
	b.conn = testkit.Connect(t, b.url)
	face := httptest.NewServer(b.clerk.Handler())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		face.Close()
	})
	b.api = face.URL
	p, err := projector.New(projector.Config{
		Service: "test", Instance: b.Instance, Projections: projections.All(), DatabaseURL: b.url, NATSURL: as(broker.UserProjector),
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.keep(p.Run)
	testkit.Eventually(t, func() error {
		if p.State() != projector.StateLeading {
			return fmt.Errorf("the projector is %s", p.State())
		}
		return nil
	})
	return b
}

// keep runs something until it is stopped, or the test ends.
func (b *bed) keep(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(stop)
	return stop
}

// config is that of a watch which does nothing by itself.
func (b *bed) config(out io.Writer) Config {
	return Config{
		Instance: b.Instance, ClerkInstance: b.clerk.InstanceID(), SecretKey: b.clerk.SecretKey(), APIURL: b.api, Budget: 10_000, Share: 1,
		NATS: settings.NATS{URL: b.as(broker.UserWatch)}, DatabaseURL: login(b.t, b.url, "clerkstream_watcher"), OpsAddr: "127.0.0.1:0", FullAt: -1,
		Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
}

// running is a watch with what it says.
type running struct {
	*Process
	out  syncbuffer.Buffer
	stop func()
}

func (b *bed) watch(set func(*Config)) *running {
	b.t.Helper()
	r := &running{}
	c := b.config(&r.out)
	if set != nil {
		set(&c)
	}
	var err error
	if r.Process, err = New(c); err != nil {
		b.t.Fatal(err)
	}
	r.stop = b.keep(r.Run)
	return r
}

// working waits until a watch does the work of the instance.
func (b *bed) working(r *running) *running {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		if r.sentinel.Load() == nil {
			return fmt.Errorf("it does not work: %s", r.out.String())
		}
		return b.answers()
	})
	return r
}

// answers says whether somebody takes hydrate requests.
func (b *bed) answers() error {
	_, err := b.JS.Conn().Request("clerkstream.hydrate."+b.Instance, []byte(`{}`), nats.DefaultTimeout)
	return err
}

func (b *bed) pool() *pgxpool.Pool {
	b.t.Helper()
	pool, err := pgxpool.New(b.t.Context(), login(b.t, b.url, "clerkstream_reader"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return pool
}

func (b *bed) client(pool *pgxpool.Pool) *hydrate.Client {
	b.t.Helper()
	nc, err := nats.Connect(b.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	c, err := hydrate.New(hydrate.Config{Conn: nc, Instance: b.Instance, Pool: pool})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// directory is a service's own, with or without the hook that fetches what is missing.
func (b *bed) directory(fetches bool) *directory.Directory {
	b.t.Helper()
	pool := b.pool()
	c := directory.Config{Pool: pool, ListenURL: pool.Config().ConnString()}
	if fetches {
		c.Missing = b.client(pool).Missing
	}
	d, err := directory.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(d.Run)
	return d
}

// deliver brings the webhooks that Clerk has held back.
func (b *bed) deliver(next func() (clerksim.Message, bool)) (n int) {
	b.t.Helper()
	var last uint64
	for m, ok := next(); ok; m, ok = next() {
		last = max(last, b.Publish(b.t, m.ID, m.Body))
		n++
	}
	b.settle(last)
	return n
}

// settle waits until the read model is at a sequence.
func (b *bed) settle(sequence uint64) {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		var at uint64
		err := b.conn.QueryRow(b.t.Context(), `select sequence from clerkstream.checkpoints where service = 'test'`).Scan(&at)
		if err == nil && at < sequence {
			err = fmt.Errorf("the read model is at %d of %d", at, sequence)
		}
		return err
	})
}

func (b *bed) scan(sql string, args ...any) (n int) {
	b.t.Helper()
	if err := b.conn.QueryRow(b.t.Context(), sql, args...).Scan(&n); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		b.t.Fatal(err)
	}
	return n
}
