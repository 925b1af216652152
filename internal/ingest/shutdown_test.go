package ingest_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// inFlight begins a delivery whose acknowledgement the proxy holds back.
func inFlight(t *testing.T, x *target, p *proxy) (answer <-chan reply) {
	t.Helper()
	p.hold()
	r := x.request(t, delivery{})
	answered := make(chan reply, 1)
	go func() {
		defer close(answered)
		got, err := x.client.Do(r)
		if err != nil {
			return // cut off: the channel is closed without an answer
		}
		got.Body.Close()
		answered <- reply{status: got.StatusCode}
	}()
	await(t, "one in flight", func() bool { return x.metric(t, "in_flight") == "1" })
	return answered
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	p := newProxy(t, server.URL())
	x := ready(t, config(p.url()))
	answer := inFlight(t, x, p)

	x.stop()
	await(t, "no new connections", func() bool {
		c, err := net.Dial("tcp", x.Addr())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if status, reasons := x.readyz(t); status != 503 || !strings.Contains(reasons, "shutting down") {
		t.Errorf("/readyz: %d %q", status, reasons)
	}
	select {
	case <-x.ended:
		t.Fatal("ended with a delivery in flight")
	default:
	}
	p.release()
	if got, answered := <-answer; !answered || got.status != 204 {
		t.Errorf("the delivery in flight: answered %v, status %d", answered, got.status)
	}
	<-x.ended
	expectStored(t, operator(t, server.URL()), "default", 1)
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	p := newProxy(t, server.URL())
	s, err := ingest.New(config(p.url(), func(c *ingest.Config) { c.Limits.ShutdownTime = 100 * time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	x := &target{Server: s, client: &http.Client{Transport: &http.Transport{}}, ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	x.stop = cancel
	go func() {
		defer close(x.ended)
		x.err = s.Run(ctx)
	}()
	x.awaitReady(t)
	answer := inFlight(t, x, p)

	start := time.Now()
	x.stop()
	<-x.ended
	if took := time.Since(start); took > 4*time.Second { // the acknowledgement alone may take 5
		t.Errorf("took %s", took)
	}
	if x.err == nil || !strings.Contains(x.err.Error(), "still in flight") {
		t.Errorf("ended with %v", x.err)
	}
	if got, answered := <-answer; answered {
		t.Errorf("answered %d", got.status)
	}
	x.client.CloseIdleConnections()
}

func TestAnIngestThatIsNeverRunCanBeClosed(t *testing.T) {
	t.Parallel()
	s, err := ingest.New(config("nats://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	s.Close()
	s.Close()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("still listening")
	}
}

func TestATakenAddressIsAnErrorOfNew(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, change := range map[string]func(*ingest.Config){
		"public": func(c *ingest.Config) { c.ListenAddr = l.Addr().String() },
		"ops":    func(c *ingest.Config) { c.OpsAddr = l.Addr().String() },
	} {
		if _, err := ingest.New(config("nats://127.0.0.1:1", change)); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
