package changefeed

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// diary is a subscriber that writes down what it is told.
type diary struct {
	mu      sync.Mutex
	entries []string
	// changed, if set, is called for each notice before it is written down.
	changed func()
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

func (d *diary) Connected() { d.note("connected") }
func (d *diary) Lost()      { d.note("lost") }

func (d *diary) Changed(n Notice) {
	if d.changed != nil {
		d.changed()
	}
	if n.Flush {
		d.note("flush at %d", n.Sequence)
		return
	}
	d.note("%d %v", n.Sequence, n.Changes)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.entries, ", ")
}

// reads waits until the diary reads so.
func (d *diary) reads(t *testing.T, want string) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if got := d.String(); got != want {
			return fmt.Errorf("the diary reads %q, not %q", got, want)
		}
		return nil
	})
}

// start listens until the test ends or stop is called, which returns what Listen did.
func start(t *testing.T, c Config, to Subscriber) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Listen(ctx, c, to) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

func notify(t *testing.T, conn *pgx.Conn, schema, payload string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), `select pg_notify($1, $2)`, Channel(schema), payload); err != nil {
		t.Fatal(err)
	}
}

func TestASubscriberHearsTheFeedOfItsSchemaInOrder(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	d := &diary{}
	stop := start(t, Config{URL: database, Schema: `it's "clerk"`}, d)
	d.reads(t, "connected")
	notify(t, conn, "clerk", `{"sequence":1,"changes":{"users":["another schema's"]}}`)
	notify(t, conn, `it's "clerk"`, `{"sequence":2,"changes":{"users":["user_1"]}}`)
	notify(t, conn, `it's "clerk"`, `{"sequence":3,"flush":true}`)
	notify(t, conn, `it's "clerk"`, `what nobody can read may mean anything`)
	d.reads(t, "connected, 2 map[users:[user_1]], flush at 3, flush at 0")
	if err := stop(); err != nil {
		t.Error(err)
	}
	d.reads(t, "connected, 2 map[users:[user_1]], flush at 3, flush at 0, lost")
}

func TestASubscriberIsToldThatTheFeedWentAndCame(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	d := &diary{}
	start(t, Config{URL: database}, d)
	d.reads(t, "connected")
	if _, err := conn.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'clerkstream change feed clerk' and datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	d.reads(t, "connected, lost, connected")
	notify(t, conn, "clerk", `{"sequence":1}`)
	d.reads(t, "connected, lost, connected, 1 map[]")
}

// pinged is when the listener last asked Postgres something.
func pinged(t *testing.T, conn *pgx.Conn) (at time.Time) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `select query_start from pg_stat_activity where application_name = 'clerkstream change feed clerk' and datname = current_database()`).Scan(&at)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAnIdleFeedStaysConnected(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	d := &diary{}
	start(t, Config{URL: database, Idle: 5 * time.Millisecond}, d)
	d.reads(t, "connected")
	begin := pinged(t, conn)
	testkit.Eventually(t, func() error {
		if pinged(t, conn).Sub(begin) < 100*time.Millisecond {
			return fmt.Errorf("no ping yet")
		}
		return nil
	})
	notify(t, conn, "clerk", `{"sequence":1}`)
	d.reads(t, "connected, 1 map[]")
}

// What Postgres sends does not count for idle_session_timeout: without a ping a listener that always hears something would be cut off.
func TestABusyFeedIsPingedToo(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	d := &diary{}
	start(t, Config{URL: database, Idle: 300 * time.Millisecond}, d)
	d.reads(t, "connected")
	begin := pinged(t, conn)
	testkit.Eventually(t, func() error {
		notify(t, conn, "clerk", `{"sequence":1}`)
		if !pinged(t, conn).After(begin) {
			return fmt.Errorf("no ping in %d notices", strings.Count(d.String(), "map"))
		}
		return nil
	})
}

func TestAPeerThatFallsSilentIsLost(t *testing.T) {
	t.Parallel()
	wire := newWire(t, stack.Database(t))
	d := &diary{}
	start(t, Config{URL: wire.url, Idle: 20 * time.Millisecond, Timeout: 100 * time.Millisecond}, d)
	d.reads(t, "connected")
	// Nothing closes, nothing answers: a cable was pulled.
	wire.cut()
	began := time.Now()
	d.reads(t, "connected, lost")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to notice", took)
	}
	wire.mend()
	d.reads(t, "connected, lost, connected")
}

func TestABusySubscriberLosesNothing(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	conn := testkit.Connect(t, database)
	goOn := make(chan struct{})
	d := &diary{changed: func() { <-goOn }}
	start(t, Config{URL: database, Idle: 10 * time.Millisecond}, d)
	d.reads(t, "connected")
	// More than a socket holds, so that some of it waits in Postgres.
	const notices = 300
	var want strings.Builder
	want.WriteString("connected")
	for i := range notices {
		notify(t, conn, "clerk", fmt.Sprintf(`{"sequence":%d,"changes":{},"padding":%q}`, i, strings.Repeat("x", 7000)))
		fmt.Fprintf(&want, ", %d map[]", i)
	}
	close(goOn)
	d.reads(t, want.String())
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"url":    {URL: "postgres://user:geheim@host:port/"},
		"schema": {URL: "postgres:///x", Schema: strings.Repeat("x", 60)},
	} {
		err := Listen(t.Context(), c, &diary{})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// wire is a way to Postgres that can be cut without anybody being told.
type wire struct {
	url string
	mu  sync.Mutex
	// gate is closed while the wire carries.
	gate chan struct{}
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	far := filepath.Join(u.Query().Get("host"), ".s.PGSQL."+u.Query().Get("port"))
	if _, err := os.Stat(far); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "postgres://postgres@" + l.Addr().String() + u.Path + "?sslmode=disable", gate: make(chan struct{})}
	close(w.gate)
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() {
		end()
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.carry(ctx, near, far) })
		}
	})
	return w
}

func (w *wire) carry(ctx context.Context, near net.Conn, socket string) {
	far, err := net.Dial("unix", socket)
	if err != nil {
		_ = near.Close()
		return
	}
	var both sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			defer func() { _, _ = near.Close(), far.Close() }()
			buffer := make([]byte, 4096)
			for {
				n, err := way[0].Read(buffer)
				w.mu.Lock()
				gate := w.gate
				w.mu.Unlock()
				select {
				case <-gate:
				case <-ctx.Done():
					return
				}
				if _, errWrite := way[1].Write(buffer[:n]); err != nil || errWrite != nil {
					return
				}
			}
		})
	}
	both.Wait()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.gate)
}
