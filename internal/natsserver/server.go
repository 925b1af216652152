// Package natsserver runs a real nats-server with JetStream inside the current
// process: for `clerkstream demo`, `dev` and `sim`, and for tests.
//
// It is never linked into the production binaries: there the broker is a
// process of its own, so that a crash of ours loses no acknowledged event.
package natsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyWithin bounds Start when its context has no deadline. A start takes tens
// of milliseconds; recovering a large store directory takes seconds.
const readyWithin = 30 * time.Second

// ErrNotReady is returned when the server did not accept connections in time.
var ErrNotReady = errors.New("nats server not ready")

// Server is a running nats-server. Its methods may be called from any goroutine.
type Server struct {
	nats     *server.Server
	started  chan struct{} // closed when the server's own Start returned
	storeDir string
	lock     *os.File // owner of storeDir; nil when Start failed early
	private  bool     // storeDir is ours: Stop removes it
	stopOnce sync.Once
}

// Start runs a server on 127.0.0.1 and returns when it accepts connections.
//
// ctx bounds the start only (30 s when it has no deadline): the server then runs
// until Stop, so that a caller who is told to quit can still flush what it has
// in flight. A server that could not start leaves nothing behind.
func Start(ctx context.Context, o Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()

	s := &Server{started: make(chan struct{})}
	if err := s.claimStore(o.StoreDir); err != nil {
		return nil, err
	}
	log := newLogger(o.Logger)
	if err := s.launch(o, log); err != nil {
		s.release()
		return nil, err
	}
	if err := s.waitReady(ctx, log); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) launch(o Options, log *logger) error {
	opts, err := o.serverOptions(s.storeDir)
	if err != nil {
		return err
	}
	s.nats, err = server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("configure nats server: %w", err)
	}
	s.nats.SetLoggerV2(log, false, false, false)
	go func() {
		defer close(s.started)
		s.nats.Start()
	}()
	return nil
}

// waitReady ends on the first of: ready, a fatal message, the deadline. The
// server reports "can't start" only through its logger, hence log.fatal.
func (s *Server) waitReady(ctx context.Context, log *logger) error {
	const slice = 20 * time.Millisecond
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrNotReady, context.Cause(ctx))
		}
		select {
		case reason := <-log.fatal:
			return fmt.Errorf("start nats server: %s", reason)
		case <-ctx.Done():
		case <-s.started:
			if s.nats.ReadyForConnections(slice) {
				return nil
			}
		}
	}
}

// URL is what a client connects to, nats://127.0.0.1:<port>, without credentials.
func (s *Server) URL() string { return s.nats.ClientURL() }

// MonitorURL is the root of the monitoring endpoints (/varz, /jsz, /healthz), or
// "" when Options.Monitor is off and the config file opens no such port.
func (s *Server) MonitorURL() string {
	addr := s.nats.MonitorAddr()
	if addr == nil {
		return ""
	}
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port))
}

// RouteURL is what other servers of the cluster connect to, without credentials,
// or "" when the server is not clustered.
func (s *Server) RouteURL() string {
	addr := s.nats.ClusterAddr()
	if addr == nil {
		return ""
	}
	return "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port))
}

// Name is the server's name, by which JetStream names its peers.
func (s *Server) Name() string { return s.nats.Name() }

// StoreDir is where JetStream keeps its files.
func (s *Server) StoreDir() string { return s.storeDir }

// Stop shuts the server down cleanly, waits for it, and removes the store
// directory if Start made it. It may be called more than once.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		if s.nats != nil {
			s.nats.Shutdown()
			<-s.started
			s.nats.WaitForShutdown()
		}
		s.release()
	})
}
