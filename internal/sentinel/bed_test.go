package sentinel_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// Two secrets as Svix makes them.
const (
	secret      = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// bed is Clerk, ingest and the broker, all real or the simulator's, and a sentinel over them.
type bed struct {
	*testkit.Log
	t      testing.TB
	clerk  *clerksim.Clerk
	api    *httptest.Server
	canary string

	ingest     *ingest.Server
	stopIngest func()
	good       clerksim.Endpoint // the endpoint as it should be

	*sentinel.Sentinel
	repairs repairs
}

// repairs are the calls that the sentinel made.
type repairs struct {
	mu    sync.Mutex
	froms []time.Time
	rows  []sentinel.Outage
}

func (r *repairs) from() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.froms)
}

func (r *repairs) recorded() []sentinel.Outage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rows)
}

// limits are short enough for a test, and long enough for a busy machine.
func limits() sentinel.Limits {
	return sentinel.Limits{
		Refused: 2, RefusedFor: 300 * time.Millisecond, Scrape: 100 * time.Millisecond, Tick: 50 * time.Millisecond, Unseen: time.Second,
	}
}

const (
	canaryEvery = 600 * time.Millisecond // Clerk takes ten changes of an object in ten seconds: enough for a quick test, and a slow one waits
	canaryLimit = 2 * time.Second
)

func newBed(t testing.TB) *bed {
	t.Helper()
	b := newBedOn(t, sentinel.Stack.Log(t))
	b.Sentinel = b.watch(nil)
	return b
}

// newBedOn is a bed without a sentinel, on a stream of the caller's; ingest connects by the log's URL.
func newBedOn(t testing.TB, log *testkit.Log) *bed {
	t.Helper()
	b := &bed{Log: log, t: t, clerk: clerksim.NewClerk(clerksim.ClerkConfig{})}
	b.startIngest("127.0.0.1:0", "127.0.0.1:0")
	b.good = clerksim.Endpoint{URL: "http://" + b.ingest.Addr() + "/webhooks/clerk", Secret: secret}
	b.endpoint(b.good)
	b.api = httptest.NewServer(b.clerk.Handler())
	t.Cleanup(b.api.Close)
	b.send(b.clerk, b.clerk.Endpoint)
	var err error
	if b.canary, err = b.clerk.CreateUser("canary@northwind.example"); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bed) startIngest(addr, ops string) {
	b.t.Helper()
	server, err := ingest.New(ingest.Config{
		ListenAddr: addr, OpsAddr: ops, NATS: settings.NATS{URL: b.URL},
		Instances: []ingest.Instance{{Name: b.Instance, Secrets: []string{secret}, ClerkID: b.clerk.InstanceID()}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.ingest, b.stopIngest = server, b.run("ingest", server.Run)
}

// run runs a part until the test ends, or until stop, which returns when it has ended.
func (b *bed) run(name string, part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := part(ctx); err != nil && ctx.Err() == nil {
			b.t.Errorf("%s: %v", name, err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	b.t.Cleanup(stop)
	return stop
}

// send delivers what is changed in a Clerk as Svix does, its schedule a thousand times as quick.
func (b *bed) send(c *clerksim.Clerk, to func() clerksim.Endpoint) {
	b.t.Helper()
	sender, err := clerksim.NewSender(clerksim.SenderConfig{Endpoint: to, More: c.Directed(), Compress: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	b.run("sender", func(ctx context.Context) error {
		_, err := sender.Send(ctx, c.NextDirected)
		return err
	})
}

func (b *bed) endpoint(e clerksim.Endpoint) {
	b.t.Helper()
	if err := b.clerk.SetEndpoint(e); err != nil {
		b.t.Fatal(err)
	}
}

// watch starts a sentinel with everything; change takes something away.
func (b *bed) watch(change func(*sentinel.Config)) *sentinel.Sentinel {
	b.t.Helper()
	c := sentinel.Config{
		Instance: b.Instance, JS: b.JS, WebhookURL: b.good.URL, Repair: b.repair, Record: b.record, Limits: limits(),
		Canary: sentinel.Canary{UserID: b.canary, Every: canaryEvery, Limit: canaryLimit, Touch: b.touch},
	}
	if b.ingest != nil {
		c.IngestURLs = []string{"http://" + b.ingest.OpsAddr()}
	}
	if change != nil {
		change(&c)
	}
	s, err := sentinel.New(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.run("sentinel", s.Run)
	return s
}

var touches atomic.Int64

// touch is the Backend API's.
func (b *bed) touch(ctx context.Context) error {
	body := fmt.Appendf(nil, `{"private_metadata":{"canary":%d}}`, touches.Add(1))
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, b.api.URL+"/v1/users/"+b.canary+"/metadata", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+b.clerk.SecretKey())
	request.Header.Set("Content-Type", "application/json")
	answer, err := b.api.Client().Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("clerk answers %s", answer.Status)
	}
	return nil
}

// repair publishes what it read from the API, which is no webhook.
func (b *bed) repair(_ context.Context, from time.Time) (int, error) {
	b.repairs.mu.Lock()
	defer b.repairs.mu.Unlock()
	b.repairs.froms = append(b.repairs.froms, from)
	b.synthetic(b.canary, len(b.repairs.froms))
	return 1, nil
}

func (b *bed) synthetic(user string, n int) {
	e, _ := events.New(events.Intake{
		ID: fmt.Sprintf("reconcile-%s-%d", user, n), Instance: b.Instance, Source: events.SourceReconcile, Received: time.Now(),
	}, testkit.Body("user.updated", time.Now(), testkit.Data{"id": user}))
	if _, err := b.JS.PublishMsg(context.Background(), testkit.Message(e)); err != nil {
		b.t.Error(err)
	}
}

// record keeps rows as the table does.
func (b *bed) record(_ context.Context, o sentinel.Outage) (int64, error) {
	b.repairs.mu.Lock()
	defer b.repairs.mu.Unlock()
	if o.ID == 0 {
		o.ID = int64(len(b.repairs.rows) + 1)
		b.repairs.rows = append(b.repairs.rows, o)
	}
	b.repairs.rows[o.ID-1] = o
	return o.ID, nil
}

// awaitHealthy waits until the canary came back and nothing is amiss.
func (b *bed) awaitHealthy() {
	b.t.Helper()
	testkit.Eventually(b.t, func() error {
		s := b.Status()
		if state(s, sentinel.SignalCanary) != sentinel.StateOK || state(s, sentinel.SignalRefusals) != sentinel.StateOK || len(s.Problems()) > 0 {
			return fmt.Errorf("not healthy: %+v", s)
		}
		return nil
	})
}

func (b *bed) awaitOutage(want sentinel.Cause) sentinel.Outage {
	b.t.Helper()
	var found sentinel.Outage
	testkit.Eventually(b.t, func() error {
		s := b.Status()
		if s.Outage == nil || s.Outage.Cause != want {
			return fmt.Errorf("no outage by %s: %+v, %+v", want, s.Outage, s.Signals)
		}
		found = *s.Outage
		return nil
	})
	return found
}

// awaitClosed waits until an outage by this cause is over, its hole closed, and all of that recorded.
func (b *bed) awaitClosed(cause sentinel.Cause) sentinel.Outage {
	b.t.Helper()
	var row sentinel.Outage
	testkit.Eventually(b.t, func() error {
		s, rows := b.Status(), b.repairs.recorded()
		i := slices.IndexFunc(rows, func(o sentinel.Outage) bool { return o.Cause == cause && !o.Reconciled.IsZero() })
		if s.Outage != nil || len(s.Unrepaired) > 0 || s.LastClosed == nil || i < 0 {
			return fmt.Errorf("not closed: %+v, recorded %+v", s, rows)
		}
		row = rows[i]
		return nil
	})
	return row
}

func state(s sentinel.Status, name string) sentinel.State {
	i := slices.IndexFunc(s.Signals, func(x sentinel.Signal) bool { return x.Name == name })
	return s.Signals[i].State
}
