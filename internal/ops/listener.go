package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says what the private listener shows. Every field is required.
type Config struct {
	// Addr to listen on; port 0 takes a free one.
	Addr string
	// Registry is what /metrics shows. It is the owner's own, never the global one, so that two services fit into one process.
	Registry *prometheus.Registry
	// NotReady returns one line per reason why the service cannot do its work now; none means ready. It is called by several goroutines
	// and must not block: a prober's time-out is about a second.
	NotReady func() []string
	Log      *slog.Logger
}

// Listener serves /healthz, /readyz, /metrics and /debug/pprof/. It is open from Listen on and answers from Serve on, so that an owner
// can fail on a taken port before it starts anything else.
type Listener struct {
	net  net.Listener
	http *http.Server
}

// Listen opens the address.
func Listen(c Config) (*Listener, error) {
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("open ops address: %w", err)
	}
	return &Listener{net: l, http: &http.Server{
		Handler:           handler(c),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// pprof refuses a profile that would last longer than this.
		WriteTimeout: 2 * time.Minute,
		IdleTimeout:  time.Minute,
		ErrorLog:     slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}, nil
}

// Addr is where the listener is reached, with the real port.
func (l *Listener) Addr() string { return l.net.Addr().String() }

// Serve answers until Stop and then returns nil.
func (l *Listener) Serve() error {
	if err := l.http.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve ops address: %w", err)
	}
	return nil
}

// Stop closes the listener and lets the answers in hand finish until ctx ends. It also closes one that was never served, and may be
// called more than once.
func (l *Listener) Stop(ctx context.Context) {
	// A profile may run for minutes; it is not worth waiting for.
	if l.http.Shutdown(ctx) != nil {
		l.http.Close()
	}
	l.net.Close()
}

// handler leaves out pprof's cmdline: a password may stand in a flag.
func handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := c.NotReady(); len(reasons) > 0 {
			plain(w, http.StatusServiceUnavailable, strings.Join(reasons, "\n"))
			return
		}
		plain(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{Registry: c.Registry}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	return mux
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
