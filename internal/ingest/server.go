package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
)

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
	s.cfg.Log.InfoContext(ctx, "ingest stopping", "in_flight", flight.appender.InFlight())
	stopLooking()
	err = errors.Join(err, flight.land(context.WithoutCancel(ctx)))
	s.Close()
	all.Wait()
	s.cfg.Log.InfoContext(ctx, "ingest stopped")
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
