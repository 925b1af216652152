package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// pipeline is one instance from end to end, in this process.
type pipeline struct {
	*testkit.Log
	url    string // of the endpoint
	client *http.Client
	conn   *pgx.Conn
	// now is the clock that stamps what ingest takes in.
	now atomic.Pointer[time.Time]
	// at is the projector's position.
	at atomic.Uint64
	// ended is why a part stopped before it was told to.
	ended atomic.Pointer[error]
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	database := stack.Database(t)
	p := &pipeline{Log: stack.Log(t), conn: testkit.Connect(t, database), client: &http.Client{Transport: &http.Transport{}}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	in, err := ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: p.URL}, Log: log,
		Instances: []ingest.Instance{{Name: p.Instance, Secrets: []string{secret}}}, Now: func() time.Time { return *p.now.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + in.Addr() + "/webhooks/clerk"
	out, err := projector.New(projector.Config{
		Service: "test", Instance: p.Instance, Projections: projections.All(), DatabaseURL: database, NATSURL: p.URL, Log: log,
		Observe: func(c projector.Commit) { p.at.Store(c.Sequence) },
	})
	if err != nil {
		in.Close()
		t.Fatal(err)
	}
	p.run(t, in.Run)
	p.run(t, out.Run)
	t.Cleanup(p.client.CloseIdleConnections)
	testkit.Eventually(t, func() error {
		if out.State() != projector.StateLeading {
			return fmt.Errorf("the projector is %s", out.State())
		}
		return nil
	})
	return p
}

// run runs a part until the test ends.
func (p *pipeline) run(t *testing.T, part func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := part(ctx); err != nil || ctx.Err() == nil {
			err = errors.Join(errors.New("a part ended by itself"), err)
			p.ended.Store(&err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if err := p.ended.Load(); err != nil {
			t.Error(*err)
		}
	})
}

// deliver signs a body as Svix does and posts it.
func (p *pipeline) deliver(t *testing.T, id string, body []byte) (status int, answer []byte) {
	t.Helper()
	// The signature's time is checked against the machine's clock, so it is now, whatever the body says.
	header, err := clerksim.Sign(secret, id, time.Now(), body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	request.Header.Set("traceparent", traceParent)
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

// message is what lies on the stream at a place.
func (p *pipeline) message(t *testing.T, sequence uint64) *jetstream.RawStreamMsg {
	t.Helper()
	m, err := p.Stream.GetMsg(t.Context(), sequence)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// settle waits until the projector has committed everything up to a place.
func (p *pipeline) settle(t *testing.T, sequence uint64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if err := p.ended.Load(); err != nil {
			t.Fatal(*err)
		}
		if at := p.at.Load(); at < sequence {
			return fmt.Errorf("the projector is at %d and should reach %d", at, sequence)
		}
		return nil
	})
}
