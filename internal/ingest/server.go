package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// maxHeaderBytes is ample for Svix's headers and a proxy's.
const maxHeaderBytes = 16 << 10

// flushWithin bounds the last flush; every append in hand has its acknowledgement by then.
const flushWithin = 2 * time.Second

// Server is one ingest. Build it with New, then Run it once.
type Server struct {
	cfg       Config
	metrics   *metrics
	instances []*instance
	public    net.Listener
	ops       *ops.Listener
	closing   sync.Once

	nc       atomic.Pointer[nats.Conn] // set by Run
	stopping atomic.Bool
}

// New validates the settings, with a *settings.Error that lists everything that is wrong, and opens both listeners, so that a taken
// port is an error here. It does not talk to the broker. Whoever does not go on to Run must Close.
func New(c Config) (*Server, error) {
	var p settings.Problems
	if c.Validate(&p); p.Err() != nil {
		return nil, p.Err()
	}
	s := &Server{cfg: c.withDefaults()}
	if err := s.prepare(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare() (err error) {
	if s.metrics, err = newMetrics(s.cfg.Registry); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	for _, c := range s.cfg.Instances {
		in, err := newInstance(c, s.metrics)
		if err != nil {
			return fmt.Errorf("instance %s: %w", c.Name, err)
		}
		s.instances = append(s.instances, in)
	}
	if s.public, err = net.Listen("tcp", s.cfg.ListenAddr); err != nil {
		return fmt.Errorf("open address: %w", err)
	}
	s.ops, err = ops.Listen(ops.Config{Addr: s.cfg.OpsAddr, Registry: s.cfg.Registry, NotReady: s.notReady, Log: s.cfg.Log})
	return err
}

// Addr is where deliveries come in, with the real port.
func (s *Server) Addr() string { return s.public.Addr().String() }

// OpsAddr is the private listener's, with the real port.
func (s *Server) OpsAddr() string { return s.ops.Addr() }

// Close releases the listeners of a Server that was never run. After Run it does nothing.
func (s *Server) Close() {
	s.closing.Do(func() {
		if s.public != nil {
			s.public.Close()
		}
		if s.ops != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			s.ops.Stop(ctx)
		}
	})
}

// Run serves until ctx ends and then returns nil, after everything in flight was answered. A broker that is away, now or later, is
// waited for: until then deliveries are answered 503 and /readyz says why. A stream that is missing or different at the first
// connection is an error at once; so is a max_payload that does not hold MAX_BODY_BYTES. An error also means that the shutdown took
// longer than ShutdownTime and was cut.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	flight, err := s.takeOff()
	if err != nil {
		return err
	}
	s.cfg.Log.InfoContext(ctx, "ingest listening", "address", s.Addr(), "ops_address", s.OpsAddr(), "instances", len(s.instances))

	looking, stopLooking := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, 3) // one place for each goroutine, so that none waits
	var all sync.WaitGroup
	for _, task := range []func() error{flight.serve, s.ops.Serve, func() error { return flight.preflight.run(looking) }} {
		all.Go(func() {
			if err := task(); err != nil {
				failed <- err
			}
		})
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stopping.Store(true)
	s.cfg.Log.InfoContext(ctx, "ingest stopping", "in_flight", flight.appender.inFlight.Load())
	stopLooking()
	err = errors.Join(err, flight.land(context.WithoutCancel(ctx)))
	s.Close()
	all.Wait()
	s.cfg.Log.InfoContext(ctx, "ingest stopped")
	return err
}

// flight is what exists between the start and the end of Run.
type flight struct {
	nc        *nats.Conn
	http      *http.Server
	listener  net.Listener
	appender  *appender
	preflight *preflight
	within    time.Duration
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
	app, err := newAppender(nc, s.cfg.Limits.InFlight, s.cfg.Limits.AckTime)
	if err == nil {
		err = registerLive(s.cfg.Registry, func() float64 { return float64(app.inFlight.Load()) }, nc.IsConnected)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	look := &preflight{
		nc: nc, js: app.js, instances: s.instances, monitors: s.cfg.MonitorURLs,
		replicas: s.cfg.RequireReplicas, fsync: s.cfg.RequireFsync, bodyBytes: s.cfg.Limits.BodyBytes, log: s.cfg.Log,
		changed: changed, sample: rate.Sometimes{Interval: lookAgain}, known: map[*instance]broker.Durability{},
	}
	return &flight{
		nc: nc, appender: app, preflight: look, within: s.cfg.Limits.ShutdownTime,
		listener: newLimitListener(s.public, s.cfg.Limits.Connections),
		http:     s.httpServer(s.handler(app, look.suspect)),
	}, nil
}

func (s *Server) handler(app *appender, suspect func()) *handler {
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

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            s.cfg.Limits.HeaderTime,
		ReadTimeout:                  s.cfg.Limits.RequestTime,
		WriteTimeout:                 s.cfg.Limits.WriteTime,
		IdleTimeout:                  s.cfg.Limits.IdleTime,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     maskedLog(s.cfg.Log),
	}
}

func (f *flight) serve() error {
	if err := f.http.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve deliveries: %w", err)
	}
	return nil
}

// land stops accepting, lets every delivery in hand have its answer, and leaves the broker.
func (f *flight) land(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.within)
	defer cancel()
	err := f.http.Shutdown(ctx)
	if err != nil {
		// Whoever is cut off here has no 2xx and will send again.
		f.http.Close()
		err = fmt.Errorf("shut down: %d appends still in flight after %s: %w", f.appender.inFlight.Load(), f.within, err)
	}
	if f.nc.IsConnected() {
		// Nothing waits for an answer any more, so a failed flush loses nothing.
		_ = f.nc.FlushTimeout(flushWithin)
	}
	f.nc.Close()
	return err
}

// notReady is what /readyz prints.
func (s *Server) notReady() (reasons []string) {
	if s.stopping.Load() {
		return []string{"shutting down"}
	}
	nc := s.nc.Load()
	if nc == nil || !nc.IsConnected() {
		reason := "broker: not connected"
		if nc != nil && nc.LastError() != nil {
			reason += ": " + nc.LastError().Error()
		}
		reasons = append(reasons, reason)
	}
	for _, in := range s.instances {
		if why := in.unfit.Load(); why != nil {
			reasons = append(reasons, "instance "+in.name+": "+*why)
		}
	}
	return reasons
}
