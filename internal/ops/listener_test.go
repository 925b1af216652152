package ops_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/internal/ops"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestListenerShowsHealthReadinessMetricsAndProfiles(t *testing.T) {
	t.Parallel()
	var reasons atomic.Pointer[[]string]
	reasons.Store(&[]string{"broker: not connected", "stream CLERK_PROD: missing"})
	registry := ops.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "of_the_owner_total", Help: "Shown."})
	registry.MustRegister(counter)
	counter.Inc()
	base := start(t, registry, func() []string { return *reasons.Load() })

	expect(t, base+"/healthz", 200, "ok\n")
	expect(t, base+"/readyz", 503, "broker: not connected\nstream CLERK_PROD: missing\n")
	reasons.Store(&[]string{})
	expect(t, base+"/readyz", 200, "ready\n")
	expectPart(t, base+"/metrics", "of_the_owner_total 1")
	expectPart(t, base+"/metrics", "go_goroutines ")
	expectPart(t, base+"/debug/pprof/goroutine?debug=1", "goroutine profile:")
	if status, _ := get(t, base+"/"); status != 404 {
		t.Errorf("/: status %d, want 404", status)
	}
}

func TestStopEndsServeAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	l, err := ops.Listen(ops.Config{Addr: "127.0.0.1:0", Registry: ops.NewRegistry(), NotReady: none, Log: silent()})
	if err != nil {
		t.Fatal(err)
	}
	l.Stop(t.Context()) // before Serve
	if err := l.Serve(); err != nil {
		t.Errorf("serve after stop: %v", err)
	}
	l.Stop(t.Context())
}

func TestListenSaysWhichAddressIsTaken(t *testing.T) {
	t.Parallel()
	l, err := ops.Listen(ops.Config{Addr: "127.0.0.1:0", Registry: ops.NewRegistry(), NotReady: none, Log: silent()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop(t.Context())
	_, err = ops.Listen(ops.Config{Addr: l.Addr(), Registry: ops.NewRegistry(), NotReady: none, Log: silent()})
	if err == nil || !strings.Contains(err.Error(), l.Addr()) {
		t.Errorf("error %v, want one that names %s", err, l.Addr())
	}
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, level, want string }{
		{"", "", `"msg":"seen"`},
		{"json", "WARN", ""},
		{"text", "debug", `msg=seen`},
	} {
		var out bytes.Buffer
		log, err := ops.NewLogger(&out, c.format, c.level)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("seen")
		if c.want == "" && out.Len() > 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("format %q level %q: wrote %q, want %q", c.format, c.level, out.String(), c.want)
		}
	}
	for _, c := range [][2]string{{"yaml", "info"}, {"json", "loud"}} {
		if _, err := ops.NewLogger(io.Discard, c[0], c[1]); err == nil {
			t.Errorf("format %q level %q: accepted", c[0], c[1])
		}
	}
}

func start(t *testing.T, r *prometheus.Registry, notReady func() []string) (base string) {
	t.Helper()
	l, err := ops.Listen(ops.Config{Addr: "127.0.0.1:0", Registry: r, NotReady: notReady, Log: silent()})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve() }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Stop(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func expect(t *testing.T, url string, status int, body string) {
	t.Helper()
	if s, b := get(t, url); s != status || b != body {
		t.Errorf("%s: %d %q, want %d %q", url, s, b, status, body)
	}
}

func expectPart(t *testing.T, url, part string) {
	t.Helper()
	if s, b := get(t, url); s != 200 || !strings.Contains(b, part) {
		t.Errorf("%s: %d without %q", url, s, part)
	}
}

func none() []string { return nil }

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }
