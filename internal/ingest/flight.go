package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/appender"
	"github.com/clerkstream/clerkstream/internal/settings"
)

const (
	// maxHeaderBytes is ample for Svix's headers and a proxy's.
	maxHeaderBytes = 16 << 10
	// flushWithin bounds the last flush; every append in hand has its acknowledgement by then.
	flushWithin = 2 * time.Second
)

// flight is what exists between the start and the end of Run.
type flight struct {
	nc        *nats.Conn
	http      *http.Server
	listener  net.Listener
	appender  *appender.Appender
	preflight *preflight
	within    time.Duration

	served      chan struct{}  // closed when no connection is accepted any more
	connections sync.WaitGroup // their goroutines, which net/http starts and does not wait for
}

func (s *Server) takeOff() (*flight, error) {
	changed := make(chan struct{}, 1)
	nc, err := s.cfg.NATS.Connect(settings.ConnectOptions{
		Name: "clerkstream-ingest", InboxPrefix: broker.IngestInbox, Changed: func() { kick(changed) }, Log: s.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	s.nc.Store(nc)
	app, err := appender.New(nc, s.cfg.Limits.InFlight, s.cfg.Limits.AckTime)
	if err == nil {
		err = registerLive(s.cfg.Registry, func() float64 { return float64(app.InFlight()) }, nc.IsConnected)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	look := &preflight{
		nc: nc, js: app.JetStream(), instances: s.instances, monitors: s.cfg.MonitorURLs,
		replicas: s.cfg.RequireReplicas, fsync: s.cfg.RequireFsync, bodyBytes: s.cfg.Limits.BodyBytes, log: s.cfg.Log,
		changed: changed, sample: rate.Sometimes{Interval: lookAgain}, known: map[*instance]broker.Durability{},
	}
	f := &flight{
		nc: nc, appender: app, preflight: look, within: s.cfg.Limits.ShutdownTime,
		listener: newLimitListener(s.public, s.cfg.Limits.Connections), served: make(chan struct{}),
	}
	f.http = s.httpServer(s.handler(app, look.suspect), f.track)
	return f, nil
}

func (s *Server) handler(app *appender.Appender, suspect func()) *handler {
	h := &handler{
		instances: map[string]*instance{}, appender: app, metrics: s.metrics, now: s.cfg.Now, log: s.cfg.Log,
		limit: s.cfg.Limits.BodyBytes, keep: s.cfg.KeepPrivateMetadata, suspect: suspect,
		refusals: rate.Sometimes{First: 10, Interval: time.Second}, failures: rate.Sometimes{First: 10, Interval: time.Second},
	}
	for _, in := range s.instances {
		h.instances[in.name] = in
	}
	if len(s.instances) == 1 {
		h.only = s.instances[0]
	}
	return h
}

func (s *Server) httpServer(h http.Handler, track func(net.Conn, http.ConnState)) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            s.cfg.Limits.HeaderTime,
		ReadTimeout:                  s.cfg.Limits.RequestTime,
		WriteTimeout:                 s.cfg.Limits.WriteTime,
		IdleTimeout:                  s.cfg.Limits.IdleTime,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     maskedLog(s.cfg.Log),
		ConnState:                    track,
	}
}

// track counts the goroutines of connections. A new one is told of by serve's own goroutine, so none is added after served is closed.
func (f *flight) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		f.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.connections.Done()
	}
}

func (f *flight) serve() error {
	defer close(f.served)
	if err := f.http.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve deliveries: %w", err)
	}
	return nil
}

// land stops accepting, lets every delivery in hand have its answer, and leaves the broker. After it nothing of ours runs.
func (f *flight) land(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.within)
	defer cancel()
	err := f.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("shut down: %d appends still in flight after %s: %w", f.appender.InFlight(), f.within, err)
	}
	// Whoever is cut off here has no 2xx and will send again. After a clean shutdown that can only be a connection which was accepted at
	// the last moment.
	f.appender.Stop()
	f.http.Close()
	<-f.served
	f.connections.Wait()
	if f.nc.IsConnected() {
		// Nothing waits for an answer any more, so a failed flush loses nothing.
		_ = f.nc.FlushTimeout(flushWithin)
	}
	f.nc.Close()
	return err
}
