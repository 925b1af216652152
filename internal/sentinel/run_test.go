package sentinel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

var discard = slog.New(slog.DiscardHandler)

// webhook puts a webhook on the stream.
func (b *bed) webhook(n int) {
	b.t.Helper()
	b.Publish(b.t, fmt.Sprintf("msg_%d", n), testkit.Body("user.updated", time.Now(), testkit.Data{"id": "user_1"}))
}

// onlyStream takes everything away but the stream.
func onlyStream(c *sentinel.Config) {
	c.Canary, c.IngestURLs, c.WebhookURL = sentinel.Canary{}, nil, ""
}

func TestRepairAndRecordAreTriedAgain(t *testing.T) {
	t.Parallel()
	b := &bed{Log: sentinel.Stack.Log(t), t: t}
	var repaired, recorded atomic.Int64
	b.Sentinel = b.watch(func(c *sentinel.Config) {
		onlyStream(c)
		c.Unfinished = []sentinel.Outage{{ID: 1, Began: time.Now().Add(-2 * time.Hour), Noticed: time.Now().Add(-time.Hour), Cause: sentinel.CauseSecret}}
		c.Repair = func(context.Context, time.Time) (int, error) {
			if repaired.Add(1) == 1 {
				return 0, errors.New("clerk is away")
			}
			return 42, nil
		}
		c.Record = func(ctx context.Context, o sentinel.Outage) (int64, error) {
			if recorded.Add(1) < 3 {
				return 0, errors.New("postgres is away")
			}
			return b.record(ctx, o)
		}
	})
	b.repairs.rows = make([]sentinel.Outage, 1) // an earlier run's
	testkit.Eventually(t, func() error {
		if s := b.Status(); s.Learning || s.Outage == nil {
			return fmt.Errorf("the outage of an earlier run is forgotten: %+v", s)
		}
		return nil
	})
	b.webhook(1)
	if row := b.awaitClosed(sentinel.CauseSecret); row.ID != 1 || row.Repaired != 42 {
		t.Errorf("recorded %+v", row)
	}
}

func TestAStreamThatWasMadeAnewIsRead(t *testing.T) {
	t.Parallel()
	b := &bed{Log: sentinel.Stack.Log(t), t: t}
	b.Sentinel = b.watch(onlyStream)
	for n := range 20 {
		b.webhook(n)
	}
	b.awaitWebhookSince(time.Time{})
	if err := b.JS.DeleteStream(t.Context(), broker.StreamName(b.Instance)); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Provision(t.Context(), b.JS, b.Instance, broker.Settings{}); err != nil {
		t.Fatal(err)
	}
	anew := time.Now()
	b.webhook(100)
	b.awaitWebhookSince(anew)
}

func (b *bed) awaitWebhookSince(at time.Time) {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		if s := b.Status(); s.Learning || !s.LastWebhook.After(at) {
			return fmt.Errorf("no webhook is seen: %+v", s)
		}
		return nil
	})
}

func TestWhatIsShownNamesNobody(t *testing.T) {
	t.Parallel()
	log, registry := &syncbuffer.Buffer{}, prometheus.NewPedanticRegistry()
	b := newBedOn(t, sentinel.Stack.Log(t))
	b.Sentinel = b.watch(func(c *sentinel.Config) {
		c.Log, c.Metrics = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), registry
		c.Canary.Touch = func(context.Context) error { return errors.New("clerk is away") }
	})
	wrong := b.good
	wrong.Secret = otherSecret
	b.endpoint(wrong)
	tell(t, b.clerk, 3)
	b.awaitOutage(sentinel.CauseSecret)
	b.endpoint(b.good)
	b.awaitClosed(sentinel.CauseSecret)

	shown, err := json.Marshal(b.Status())
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(shown)
	for _, private := range []string{secret, otherSecret, "northwind.example", b.clerk.SecretKey()} {
		if strings.Contains(all, private) {
			t.Errorf("it is shown: %q", private)
		}
	}
	if !strings.Contains(all, "webhooks stopped") || !strings.Contains(all, "hole closed") {
		t.Errorf("the log tells of no outage: %s", all)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "clerkstream_sentinel_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"outage": 0, "outages_total secret": 1, "unrepaired_outages": 0, "repaired_objects_total": 1, "suspected_cause secret": 0,
		"signal refusals failing": 0, "signal refusals ok": 1, "refused secret": 0,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("metric %s is %v (shown: %v), want %v", name, got, ok, want)
		}
	}
	if values["canary_total refused"] == 0 || values["last_webhook_age_seconds"] < 0 {
		t.Errorf("metrics are %v", values)
	}
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	log := sentinel.Stack.Log(t)
	repair := func(context.Context, time.Time) (int, error) { return 0, nil }
	for name, c := range map[string]sentinel.Config{
		"nothing":              {},
		"canary without touch": {Instance: "prod", JS: log.JS, Repair: repair, Canary: sentinel.Canary{UserID: "user_1"}},
		"negative limit":       {Instance: "prod", JS: log.JS, Repair: repair, Limits: sentinel.Limits{Floor: -1}},
		"no address":           {Instance: "prod", JS: log.JS, Repair: repair, IngestURLs: []string{"ingest:9090"}},
	} {
		if _, err := sentinel.New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
