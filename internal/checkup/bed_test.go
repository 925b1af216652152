package checkup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

const (
	secret   = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	instance = "prod"
)

// bed is a whole installation that is well, but for what a test plants in it.
type bed struct {
	checkup.Config
	clerk *clerksim.Clerk
	nats  *natsserver.Server
	js    jetstream.JetStream
	conn  *pgx.Conn
	// stopProjector ends the projector and waits for it.
	stopProjector func()
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{clerk: clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 20, Organizations: 2, Changes: 1}})}
	b.startBroker(t)
	database := stack.Database(t)
	b.conn = testkit.Connect(t, database)
	server, err := ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: b.nats.URL()}, MonitorURLs: []string{b.nats.MonitorURL()},
		Instances: []ingest.Instance{{Name: instance, Secrets: []string{secret}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, server.Run)
	b.startProjector(t, database)
	api := httptest.NewServer(b.clerk.Handler())
	t.Cleanup(api.Close)
	b.Config = checkup.Config{
		Instance: instance, WebhookSecrets: []string{secret}, WebhookURL: "http://" + server.Addr() + "/webhooks/clerk", IngestURLs: []string{"http://" + server.OpsAddr()},
		SecretKey: b.clerk.SecretKey(), APIURL: api.URL, NATS: &settings.NATS{URL: b.nats.URL()}, MonitorURLs: []string{b.nats.MonitorURL()}, DatabaseURL: database,
		Within: 20 * time.Second,
	}
	b.deliver(t)
	b.exec(t, `insert into clerkstream.reconciliations (instance, kind, started_at, mode, finished_at, complete, objects, matching, lagging, changed, missing, extra,
		wrong_tombstones, malformed, published, requests)
		select $1, kind, now(), 'full', now(), true, 20, 20, 0, 0, 0, 0, 0, 0, 0, 2 from unnest(array['users', 'organizations']) kind`, instance)
	b.watches(t, sentinel.Status{Instance: instance, Signals: []sentinel.Signal{{Name: sentinel.SignalSilence, State: sentinel.StateOK}, {Name: sentinel.SignalStream, State: sentinel.StateOK}}}, 0)
	testkit.Eventually(t, func() error {
		if r := b.examine(t); r.Verdict != checkup.OK {
			return fmt.Errorf("a bed without a fault: %+v", r.Lines)
		}
		return nil
	})
	return b
}

func (b *bed) startBroker(t *testing.T) {
	t.Helper()
	var err error
	if b.nats, err = natsserver.Start(t.Context(), natsserver.Options{StoreDir: t.TempDir(), Monitor: true, SyncAlways: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.nats.Stop)
	nc, err := nats.Connect(b.nats.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if b.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Provision(t.Context(), b.js, instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) startProjector(t *testing.T, database string) {
	t.Helper()
	p, err := projector.New(projector.Config{Service: "orders", Instance: instance, Projections: projections.All(), DatabaseURL: database, NATSURL: b.nats.URL()})
	if err != nil {
		t.Fatal(err)
	}
	b.stopProjector = keep(t, p.Run)
}

// deliver has Clerk tell something, by way of ingest.
func (b *bed) deliver(t *testing.T) {
	t.Helper()
	m, ok := b.clerk.Next()
	if !ok {
		t.Fatal("Clerk has nothing to tell")
	}
	testkit.Eventually(t, func() error { return testkit.Post(t.Context(), httpClient, b.WebhookURL, secret, m.ID, m.Body) })
}

// watches writes what a watch writes of itself, age ago.
func (b *bed) watches(t *testing.T, status sentinel.Status, age time.Duration) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"verb": "watch", "state": "working", "budget": map[string]int{"used": 3, "limit": 100}, "sentinel": status})
	if err != nil {
		t.Fatal(err)
	}
	b.exec(t, `insert into clerkstream.watchers (instance, started_at, beat_at, status) values ($1, now() - interval '1 day', now() - $2::interval, $3)
		on conflict (instance) do update set beat_at = excluded.beat_at, status = excluded.status`, instance, age, body)
}

func (b *bed) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := b.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) examine(t *testing.T) *checkup.Report {
	t.Helper()
	return checkup.Examine(t.Context(), b.Config)
}

// keep runs something until the test ends.
func keep(t *testing.T, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}
