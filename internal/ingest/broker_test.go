package ingest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// atOnce is how soon a refusal comes that waits for nothing.
const atOnce = time.Second

func expectWithin(t *testing.T, limit time.Duration, act func()) {
	t.Helper()
	start := time.Now()
	act()
	if took := time.Since(start); took > limit {
		t.Errorf("took %s, more than %s", took, limit)
	}
}

// An outage in mid run: refused at once, nothing stored late, and all is well afterwards. Beside it stands what nats.go does by itself: it
// keeps what is published meanwhile and sends it after its caller gave up.
func TestABrokerThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	options := natsserver.Options{StoreDir: t.TempDir(), Port: freePort(t)}
	first := startBroker(t, options, "default")
	x := ready(t, config(first.URL()))
	buffering, err := nats.Connect(first.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer buffering.Close()
	expect(t, "before", x.send(t, delivery{id: "msg_1"}), 204, "")

	first.Stop()
	await(t, "unready", func() bool { status, _ := x.readyz(t); return status == 503 })
	for range 3 {
		expectWithin(t, atOnce, func() {
			got := x.send(t, delivery{id: "msg_2"})
			expect(t, "during", got, 503, "broker_unavailable")
			if got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
	if _, reasons := x.readyz(t); !strings.Contains(reasons, "broker: not connected") {
		t.Errorf("/readyz says %q", reasons)
	}
	if got := x.metric(t, "broker_connected"); got != "0" {
		t.Errorf("broker_connected is %s", got)
	}
	// A forgery is still a forgery.
	expect(t, "forged during", x.send(t, delivery{secret: secretB}), 401, "signature_mismatch")
	await(t, "the control to notice", func() bool { return !buffering.IsConnected() })
	if err := buffering.Publish("clerk.default.control.c1.buffered", nil); err != nil {
		t.Fatal(err)
	}

	second := startBroker(t, options)
	js := operator(t, second.URL())
	x.awaitReady(t)
	await(t, "the control's late message", func() bool { return len(messages(t, js, "default")) == 2 })
	if got := messages(t, js, "default")[1].Subject; got != "clerk.default.control.c1.buffered" {
		t.Errorf("stored late: %s", got)
	}
	expect(t, "after", x.send(t, delivery{id: "msg_2"}), 204, "")
	expectStored(t, js, "default", 3)
}

func TestABrokerThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	options := natsserver.Options{StoreDir: t.TempDir(), Port: freePort(t)}
	startBroker(t, options, "default").Stop()
	x := run(t, config("nats://127.0.0.1:"+strconv.Itoa(options.Port)))
	await(t, "the reason", func() bool {
		status, reasons := x.readyz(t)
		return status == 503 && strings.Contains(reasons, "broker: not connected")
	})
	got := x.send(t, delivery{})
	if got.status != 503 {
		t.Errorf("answer %d %s", got.status, got.code)
	}
	second := startBroker(t, options)
	x.awaitReady(t)
	expect(t, "after", x.send(t, delivery{}), 204, "")
	expectStored(t, operator(t, second.URL()), "default", 1)
	if n := strings.Count(x.log.String(), "broker not reachable"); n > 3 {
		t.Errorf("%d lines about one outage:\n%s", n, x.log)
	}
}

func TestAMissingOrDifferentStreamStopsTheStart(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "prod")
	js := operator(t, server.URL())
	expired, err := broker.StreamConfig("staging", broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	expired.MaxAge = 24 * time.Hour
	if _, err := js.CreateStream(t.Context(), expired); err != nil {
		t.Fatal(err)
	}
	err = runToEnd(t, config(server.URL(), func(c *ingest.Config) {
		c.Instances = []ingest.Instance{
			{Name: "prod", Secrets: []string{secretA}}, {Name: "staging", Secrets: []string{secretB}}, {Name: "dev", Secrets: []string{"whsec_" + strings.Repeat("Zm9v", 8)}},
		}
	}))
	if !errors.Is(err, broker.ErrStreamMissing) || !errors.Is(err, broker.ErrStreamDiffers) {
		t.Fatalf("ended with %v", err)
	}
	for _, want := range []string{"clerkstream provision", "CLERK_DEV", "CLERK_STAGING", "max_age"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "CLERK_PROD") {
		t.Errorf("blames the right one: %v", err)
	}
}

func TestATooSmallMaxPayloadStopsTheStart(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{MaxPayload: 256 << 10}, "default")
	err := runToEnd(t, config(server.URL()))
	if err == nil || !strings.Contains(err.Error(), "max_payload") || !strings.Contains(err.Error(), "MAX_BODY_BYTES") {
		t.Errorf("ended with %v", err)
	}
	// With a body limit that fits, the same broker will do.
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Limits.BodyBytes = 128 << 10 }))
	expect(t, "delivery", x.send(t, delivery{}), 204, "")
}

// runToEnd runs an ingest that is expected to end by itself.
func runToEnd(t *testing.T, c ingest.Config) error {
	t.Helper()
	s, err := ingest.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	err = s.Run(ctx)
	if ctx.Err() != nil {
		t.Fatal("did not end by itself")
	}
	return err
}

func TestAStreamThatIsDeletedWhileRunning(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	if err := js.DeleteStream(t.Context(), "CLERK_DEFAULT"); err != nil {
		t.Fatal(err)
	}
	if got := x.send(t, delivery{}); got.status != 503 {
		t.Errorf("answer %d %s", got.status, got.code)
	}
	await(t, "the reason", func() bool {
		status, reasons := x.readyz(t)
		return status == 503 && strings.Contains(reasons, "clerkstream provision")
	})
	expect(t, "meanwhile", x.send(t, delivery{}), 503, "not_ready")
	provision(t, js, "default")
	x.awaitReady(t)
	expect(t, "after", x.send(t, delivery{}), 204, "")
	expectStored(t, js, "default", 1)
}

// Another stream that listens to the subjects acknowledges too. Its word is not ours.
func TestAnotherStreamsAcknowledgementDoesNotCount(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	foreign, err := broker.StreamConfig("default", broker.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	foreign.Name = "FOREIGN"
	// While it deletes its only stream the server removes the folder of all streams too, and may so fail to create another one.
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NEIGHBOUR", Subjects: []string{"neighbour.>"}}); err != nil {
		t.Fatal(err)
	}
	// A look at the streams between the exchange and the delivery finds ours missing before anything is appended: then once more.
	await(t, "a delivery that was appended", func() bool {
		if err := js.DeleteStream(t.Context(), "CLERK_DEFAULT"); err != nil {
			t.Fatal(err)
		}
		stream, err := js.CreateStream(t.Context(), foreign)
		if err != nil {
			t.Fatal(err)
		}
		got := x.send(t, delivery{})
		if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 0 {
			t.Errorf("the other stream holds %d messages (%v)", info.State.Msgs, err)
		}
		if got.code != "not_ready" {
			expect(t, "delivery", got, 503, "append_refused")
			return true
		}
		if err := js.DeleteStream(t.Context(), foreign.Name); err != nil {
			t.Fatal(err)
		}
		provision(t, js, "default")
		x.awaitReady(t)
		return false
	})
}

func TestAFullStreamRefuses(t *testing.T) {
	t.Parallel()
	srv := startBroker(t, natsserver.Options{Adjust: func(o *server.Options) { o.JetStreamMaxStore = 128 << 10 }}, "default")
	js := operator(t, srv.URL())
	x := ready(t, config(srv.URL()))
	large := []byte(`{"type":"user.updated","data":{"id":"user_1","bio":"` + strings.Repeat("x", 40<<10) + `"}}`)
	stored := 0
	for i := range 8 {
		got := x.send(t, delivery{id: "msg_" + strconv.Itoa(i), body: large})
		if got.status == 204 {
			stored++
			continue
		}
		expect(t, "full", got, 503, "append_refused")
	}
	if stored == 0 || stored == 8 {
		t.Errorf("%d of 8 stored", stored)
	}
	expectStored(t, js, "default", stored)
}

// The acknowledgement is late: 503 in time, although the message was stored. The retry finds it.
func TestALateAcknowledgement(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	p := newProxy(t, server.URL())
	x := ready(t, config(p.url(), func(c *ingest.Config) { c.Limits.AckTime = 200 * time.Millisecond }))
	p.hold()
	expectWithin(t, 2*time.Second, func() { expect(t, "held", x.send(t, delivery{}), 503, "ack_late") })
	expectStored(t, js, "default", 1)
	p.release()
	await(t, "the retry", func() bool { return x.send(t, delivery{}).status == 204 })
	expectStored(t, js, "default", 1)
	await(t, "nothing in flight", func() bool { return x.metric(t, "in_flight") == "0" })
}

func TestTooManyInFlight(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	p := newProxy(t, server.URL())
	x := ready(t, config(p.url(), func(c *ingest.Config) { c.Limits.InFlight = 2 }))
	p.hold()
	waiting := make(chan reply, 2)
	for _, id := range []string{"msg_1", "msg_2"} {
		r := x.request(t, delivery{id: id})
		go func() {
			got, err := x.client.Do(r)
			if err != nil {
				t.Error(err)
				waiting <- reply{}
				return
			}
			got.Body.Close()
			waiting <- reply{status: got.StatusCode}
		}()
	}
	await(t, "two in flight", func() bool { return x.metric(t, "in_flight") == "2" })
	expectWithin(t, atOnce, func() { expect(t, "the third", x.send(t, delivery{id: "msg_3"}), 503, "too_busy") })
	p.release()
	for range 2 {
		expect(t, "one that waited", <-waiting, 204, "")
	}
	expect(t, "then", x.send(t, delivery{id: "msg_3"}), 204, "")
	expectStored(t, js, "default", 3)
}

// With the accounts of deploy/nats the user ingest can do all that is needed and nothing else.
func TestIngestNeedsNoMoreThanItsOwnPermissions(t *testing.T) {
	t.Parallel()
	passwords := map[string]string{"NATS_HOST": "127.0.0.1", "NATS_STORE_DIR": t.TempDir()}
	for _, user := range []string{"INGEST", "OPERATOR", "PROJECTOR", "SUBSCRIBER", "WATCH", "MONITOR"} {
		passwords["NATS_"+user+"_PASSWORD"] = "pw-" + user
	}
	server := startBroker(t, natsserver.Options{Config: broker.ServerConf(), Variables: passwords})
	js := operator(t, server.URL(), nats.UserInfo(broker.UserOperator, "pw-OPERATOR"))
	provision(t, js, "default")
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(broker.UserIngest, "pw-INGEST")
	x := ready(t, config(u.String()))
	expect(t, "delivery", x.send(t, delivery{}), 204, "")
	expectStored(t, js, "default", 1)
	if log := x.log.String(); strings.Contains(log, "pw-INGEST") || strings.Contains(log, "Permissions Violation") {
		t.Errorf("log:\n%s", log)
	}

	u.User = url.UserPassword(broker.UserIngest, "wrong")
	locked := run(t, config(u.String()))
	await(t, "the reason", func() bool {
		status, reasons := locked.readyz(t)
		return status == http.StatusServiceUnavailable && strings.Contains(reasons, "Authorization Violation")
	})
}

// freePort is free now; nats-server must get the same one again after its restart.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
