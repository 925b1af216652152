package projector

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/settings"
)

// nobody is an address on which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestAProjectorWaitsForWhatIsAwayAndSaysSo(t *testing.T) {
	t.Parallel()
	for name, lead := range map[string]func(c *Config){
		"postgres": func(c *Config) { c.DatabaseURL = "postgres://x@" + nobody(t) + "/x" },
		"broker":   func(c *Config) { c.NATSURL = "nats://" + nobody(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newBed(t).config()
			c.Log = slog.New(slog.DiscardHandler)
			lead(&c)
			p, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			waitFor(t, p, StateWaiting)
			if reasons := p.NotReady(); len(reasons) != 1 || !strings.Contains(reasons[0], name) {
				t.Errorf("it is not ready because %v", reasons)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("asked to stop, it ended with %v", err)
			}
		})
	}
}

func TestTheBinaryAnswersForItsStateOnItsPrivateAddress(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config()
	c.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	addr := nobody(t)
	go func() { ended <- serve(ctx, c, addr) }()
	b.until(t, b.fill(t, 3, "a"))
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": `clerkstream_projector_messages_total{generation="1",service="test"} 3`} {
		if body := get(t, "http://"+addr+path); !strings.Contains(body, want) {
			t.Errorf("%s says %s", path, body)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("asked to stop, it ended with %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestOneMessageNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Service: "Bad Name", Schema: "1", Instance: "a.b", MaxBytes: 1, MaxBatch: -1, Decoders: -1})
	for _, name := range []string{"SERVICE", "SCHEMA", "CLERK_INSTANCE", "READ_MODELS", "DATABASE_URL", "NATS_URL", "MAX_BATCH", "MAX_BYTES", "Decoders"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is missing in: %v", name, err)
		}
	}
	if wrong := (*settings.Error)(nil); !errors.As(err, &wrong) {
		t.Errorf("the error is a %T", err)
	}
}
