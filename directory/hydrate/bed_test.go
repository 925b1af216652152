package hydrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/directory"
	answering "github.com/clerkstream/clerkstream/internal/hydrate"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// bed is one test's stream and read model, with a projector at work, and a watch's answering side in front of a Clerk that knows a few objects.
type bed struct {
	*testkit.Log
	t       testing.TB
	url     string
	pool    *pgxpool.Pool
	calls   atomic.Int64
	stop    func() // ends the projector
	silence func() // ends the answering side
}

func newBed(t testing.TB) *bed {
	t.Helper()
	b := &bed{Log: stack.Log(t), t: t, url: stack.Database(t)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	p, err := projector.New(projector.Config{
		Service: "test", Instance: b.Instance, Projections: projections.All(), DatabaseURL: b.url, NATSURL: b.URL, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.stop = b.keep(p.Run)
	testkit.Eventually(t, func() error {
		if p.State() != projector.StateLeading {
			return fmt.Errorf("the projector is %s", p.State())
		}
		return nil
	})
	b.pool = b.reader()
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

// reader is a pool of a login that reads everything.
func (b *bed) reader() *pgxpool.Pool {
	b.t.Helper()
	conn := testkit.Connect(b.t, b.url)
	name := "clerkstream_reader_" + conn.Config().Database
	if _, err := conn.Exec(b.t.Context(), `do $$ begin create role `+name+` login in role clerkstream_reader; exception when duplicate_object then end $$`); err != nil {
		b.t.Fatal(err)
	}
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	u.User = url.User(name)
	pool, err := pgxpool.New(b.t.Context(), u.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return pool
}

func (b *bed) connect() *nats.Conn {
	b.t.Helper()
	nc, err := nats.Connect(b.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(nc.Close)
	return nc
}

// answer begins to answer requests.
func (b *bed) answer(set func(*answering.Config)) {
	b.t.Helper()
	c := answering.Config{Conn: b.connect(), Instance: b.Instance, Fetch: b.fetch}
	if set != nil {
		set(&c)
	}
	server, err := answering.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.silence = b.keep(server.Run)
	nc := b.connect()
	testkit.Eventually(b.t, func() error {
		_, err := nc.Request("clerkstream.hydrate."+b.Instance, []byte(`{}`), time.Minute)
		return err
	})
}

// fetch publishes the state of an object, as the watch does: it is what Clerk says now, and no news of a webhook.
func (b *bed) fetch(_ context.Context, kind, id string) (uint64, error) {
	n := b.calls.Add(1)
	publish := func(typ string, data testkit.Data) (uint64, error) {
		return b.Publish(b.t, fmt.Sprintf("hydrate_%d", n), testkit.Body(typ, time.Now(), data)), nil
	}
	org, user, _ := strings.Cut(id, "/")
	switch {
	case strings.HasSuffix(id, "nobody"):
		return 0, answering.ErrAbsent
	case strings.HasSuffix(id, "trouble"):
		return 0, errors.New("clerk is away")
	case strings.HasSuffix(id, "gone"):
		return publish("user.deleted", testkit.Data{"id": id, "deleted": true})
	case kind == "users":
		return publish("user.updated", testkit.Data{"id": id, "first_name": "Ada"})
	case kind == "organizations":
		return publish("organization.updated", testkit.Data{"id": id, "name": "Northwind"})
	}
	return publish("organizationMembership.updated", testkit.Data{
		"id": "orgmem_" + user, "role": "org:admin", "permissions": []string{}, "organization": testkit.Data{"id": org, "name": org},
		"public_user_data": testkit.Data{"user_id": user},
	})
}

func (b *bed) client(set func(*Config)) *Client {
	b.t.Helper()
	c := Config{Conn: b.connect(), Instance: b.Instance, Pool: b.pool}
	if set != nil {
		set(&c)
	}
	client, err := New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

// directory is a service's, which fetches what it misses.
func (b *bed) directory() *directory.Directory {
	b.t.Helper()
	d, err := directory.New(directory.Config{Pool: b.pool, ListenURL: b.pool.Config().ConnString(), Missing: b.client(nil).Missing})
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(d.Run)
	return d
}
