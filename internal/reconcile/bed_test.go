package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/appender"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/verdict"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// bed is one test's Clerk, served over HTTP, with a stream, an ingest and a projector that keeps a read model of it.
type bed struct {
	*testkit.Log
	clerk     *clerksim.Clerk
	api       string // where the Backend API is
	database  string // as superuser
	conn      *pgx.Conn
	ingest    *ingest.Server
	committed atomic.Uint64
}

func newBed(t testing.TB, c clerksim.ClerkConfig) *bed {
	t.Helper()
	b := &bed{Log: stack.Log(t), clerk: clerksim.NewClerk(c), database: stack.Database(t)}
	b.conn = testkit.Connect(t, b.database)
	face := httptest.NewServer(b.clerk.Handler())
	t.Cleanup(face.Close)
	b.api = face.URL
	p, err := projector.New(projector.Config{
		Service: "test", Instance: b.Instance, Projections: projections.All(), DatabaseURL: b.database, NATSURL: b.URL, Log: quiet(t),
		Observe: func(c projector.Commit) { b.committed.Store(c.Sequence) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.ingest, err = ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: b.URL}, Log: quiet(t),
		Instances: []ingest.Instance{{Name: b.Instance, Secrets: []string{secret}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, p.Run)
	keep(t, b.ingest.Run)
	testkit.Eventually(t, func() error {
		if p.State() != projector.StateLeading {
			return fmt.Errorf("the projector is %s", p.State())
		}
		return nil
	})
	return b
}

func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
}

// keep runs something until the test ends.
func keep(t testing.TB, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// watcher is the login that a watch has: the projector's rows are not its to write.
func (b *bed) watcher(t testing.TB) string {
	t.Helper()
	name := "watch_" + b.conn.Config().Database
	if _, err := b.conn.Exec(t.Context(), `create role `+name+` login in role clerkstream_watcher`); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(b.database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

// reconciler is one under test.
func (b *bed) reconciler(t testing.TB, set func(*Config)) *Reconciler {
	t.Helper()
	c := Config{
		Instance: b.Instance, ClerkInstance: b.clerk.InstanceID(), DatabaseURL: b.watcher(t), Grace: -1, Log: quiet(t),
	}
	if set != nil {
		set(&c)
	}
	r, closeAll, err := open(c, b.URL, b.api, b.clerk.SecretKey(), plenty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return r
}

// plenty is a budget that holds nobody up.
const plenty = 100_000

// open connects a Reconciler to its world; a child process does it as well as a test.
func open(c Config, natsURL, apiURL, key string, budget int) (r *Reconciler, closeAll func(), err error) {
	nc, err := nats.Connect(natsURL, nats.ReconnectBufSize(-1))
	if err != nil {
		return nil, nil, err
	}
	if c.JS, err = jetstream.New(nc); err != nil {
		return nil, nil, err
	}
	if c.Appender, err = appender.New(nc, 1024, 10*time.Second); err != nil {
		return nil, nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	if c.API, err = clerkapi.New(clerkapi.Config{
		URL: apiURL, SecretKey: key, Budget: clerkapi.NewBudget(budget, 10*time.Second), HTTP: &http.Client{Transport: transport},
	}); err != nil {
		return nil, nil, err
	}
	if r, err = New(c); err != nil {
		return nil, nil, err
	}
	return r, func() {
		r.Close()
		nc.Close()
		transport.CloseIdleConnections()
	}, nil
}

// deliver sends messages as Svix does, until next has no more.
func (b *bed) deliver(ctx context.Context, next func() (clerksim.Message, bool), rate float64) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	sender, err := clerksim.NewSender(clerksim.SenderConfig{
		URL: "http://" + b.ingest.Addr() + "/webhooks/clerk", Secret: secret, Client: &http.Client{Transport: transport}, Rate: rate, Compress: 2000,
	})
	if err != nil {
		return err
	}
	report, err := sender.Send(ctx, next)
	if err == nil && report.GivenUp > 0 {
		err = fmt.Errorf("%d messages were given up", report.GivenUp)
	}
	return err
}

// last is the stream's last sequence.
func (b *bed) last(t testing.TB) uint64 {
	t.Helper()
	info, err := b.Stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.LastSeq
}

// settle waits until all of the stream is in the rows.
func (b *bed) settle(t testing.TB) {
	t.Helper()
	last := b.last(t)
	testkit.Eventually(t, func() error {
		if at := b.committed.Load(); at < last {
			return fmt.Errorf("the projector is at %d of %d", at, last)
		}
		return nil
	})
}

// expectTruth holds the rows against the simulator's own world. Sessions and payment attempts cannot be listed, so those of before the webhook are
// nobody's.
func (b *bed) expectTruth(t testing.TB) {
	t.Helper()
	b.settle(t)
	for _, d := range b.differences(t) {
		t.Error(d)
	}
}

func (b *bed) differences(t testing.TB) (found []verdict.Difference) {
	t.Helper()
	truth := b.clerk.Truth()
	want := verdict.Expected{Rows: map[string]map[string]verdict.Row{}, Open: truth.Ties}
	for _, rows := range []map[string]map[string]clerksim.Row{truth.Rows, truth.Polled} {
		for model, of := range rows {
			if want.Rows[model] == nil {
				want.Rows[model] = map[string]verdict.Row{}
			}
			for key, row := range of {
				want.Rows[model][key] = verdict.Row(maps.Clone(row))
			}
		}
	}
	all, rows, err := verdict.Compare(t.Context(), b.conn, "clerk", want, 0)
	if err != nil {
		t.Fatal(err)
	}
	if rows["users"] == 0 {
		t.Error("there is nothing to compare")
	}
	for _, d := range all {
		if !unlisted[d.ReadModel] && !orphaned(truth, d) && len(found) < 20 {
			found = append(found, d)
		}
	}
	return found
}

// orphaned is a subscription whose payer is gone: Clerk shows it to nobody any more.
func orphaned(truth clerksim.Truth, d verdict.Difference) bool {
	if d.ReadModel != "subscriptions" {
		return false
	}
	row := truth.Rows["subscriptions"][d.Key]
	user, _ := row["user_id"].(string)
	organization, _ := row["organization_id"].(string)
	return truth.Rows["users"][user] == nil && truth.Rows["organizations"][organization] == nil
}

var unlisted = map[string]bool{"sessions": true, "payment_attempts": true, "enterprise_connections": true}
