package subscribe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

var stack testkit.Stack

func TestMain(m *testing.M) {
	// Crash tests run this binary again as a service that can really be killed.
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	testkit.Main(m, &stack)
}

// bed is one test's stream and, where handlers are to have effects, its database. The table effects is the service's own; nothing keeps it from holding an effect twice.
type bed struct {
	*testkit.Log
	url  string
	pool *pgxpool.Pool
}

const effects = `create table effects (handler text not null, event_id text not null, entity_id text not null)`

func newBed(t *testing.T) *bed {
	t.Helper()
	b := newLog(t)
	b.url = stack.Database(t)
	var err error
	if b.pool, err = pgxpool.New(t.Context(), b.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.pool.Close)
	if _, err := b.pool.Exec(t.Context(), effects); err != nil {
		t.Fatal(err)
	}
	return b
}

// newLog is a bed without a database: making one takes longer than most tests that need none.
func newLog(t *testing.T) *bed {
	t.Helper()
	return &bed{Log: stack.Log(t)}
}

// config begins at the stream's beginning and does not wait long for anything.
func (b *bed) config(handlers ...Handler) Config {
	return Config{
		Service: "test", Instance: b.Instance, JetStream: b.JS, Pool: b.pool, Handlers: handlers, Start: FromBeginning(),
		Backoff: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}, AckWait: 500 * time.Millisecond, CloseTimeout: 5 * time.Second,
	}
}

// start runs a group until the test ends or the returned function is called, which returns what Run did.
func (b *bed) start(t *testing.T, c Config) (g *Group, stop func() error) {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g, b.run(t, g)
}

func (b *bed) run(t *testing.T, g *Group) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Logf("run: %v", err)
		}
	})
	return stop
}

// reconfigure changes the group's consumer as an operator might.
func (b *bed) reconfigure(t testing.TB, change func(*jetstream.ConsumerConfig)) {
	t.Helper()
	c := b.info(t).Config
	change(&c)
	if _, err := b.JS.UpdateConsumer(t.Context(), b.stream(), c); err != nil {
		t.Fatal(err)
	}
}

// user publishes a user event and returns its sequence.
func (b *bed) user(t testing.TB, id, verb, user string) uint64 {
	t.Helper()
	return b.Publish(t, id, testkit.Body("user."+verb, now, testkit.Data{"id": user, "object": "user"}))
}

// now is when everything happens at Clerk.
var now = time.Now().Truncate(time.Millisecond)

// note writes an effect.
func note(ctx context.Context, db Execer, handler string, e *events.Event) error {
	_, err := db.Exec(ctx, `insert into effects values ($1, $2, $3)`, handler, e.ID, e.EntityID)
	return err
}

// noting is an inbox handler that does nothing else.
func (b *bed) noting(name string) Handler {
	return InTx(name, b.pool, func(ctx context.Context, tx pgx.Tx, e *events.UserCreated) error {
		return note(ctx, tx, name, e.Fact())
	})
}

// effects counts them by handler and event.
func (b *bed) effects(t testing.TB) map[string]int {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `select handler || ' ' || event_id, count(*) from effects group by 1`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	var key string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { found[key] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

// settled waits until the group has acknowledged everything up to the stream's end, which must be a message for it.
func (b *bed) settled(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, func() error {
		stream, err := b.Stream.Info(t.Context())
		if err != nil {
			return err
		}
		c, err := b.JS.Consumer(t.Context(), b.stream(), "test")
		if err != nil {
			return err
		}
		if i := c.CachedInfo(); i.AckFloor.Stream < stream.State.LastSeq {
			return fmt.Errorf("acknowledged up to %d of %d, %d in hand", i.AckFloor.Stream, stream.State.LastSeq, i.NumAckPending)
		}
		return nil
	})
}

func (b *bed) stream() string { return b.Stream.CachedInfo().Config.Name }

// letters waits until there are n open letters and returns them.
func (b *bed) letters(t testing.TB, g *Group, n int) (found []DeadLetter) {
	t.Helper()
	testkit.Eventually(t, func() (err error) {
		if found, err = g.DeadLetters(t.Context(), 0); err == nil && len(found) != n {
			err = fmt.Errorf("%d letters, want %d: %+v", len(found), n, found)
		}
		return err
	})
	return found
}

// durable makes a consumer as a service would for a stream of its own.
func (b *bed) durable(t testing.TB, c jetstream.ConsumerConfig) {
	t.Helper()
	c.AckPolicy = jetstream.AckExplicitPolicy
	if _, err := b.JS.CreateConsumer(t.Context(), b.stream(), c); err != nil {
		t.Fatal(err)
	}
}
