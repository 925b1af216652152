package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// startWithin bounds Start when its context has no deadline: initdb takes 1 to 2 s,
// recovery of a large cluster some more.
const startWithin = 60 * time.Second

// stopWithin bounds Stop in the same way, and is all that the end of the context
// given to Start leaves.
const stopWithin = 20 * time.Second

// superuser is the only role of a new cluster.
const superuser = "postgres"

// Server is a running Postgres. Its methods may be called from any goroutine.
type Server struct {
	opts    Options
	account account
	install install
	folders *folders
	log     *slog.Logger

	port     int
	password string // of superuser, over TCP; "" without Options.Listen

	unwatch func() bool // stops watching the context given to Start

	// mu guards what a stop or a restart changes, and makes them wait for one
	// another: when it is free nothing is under way.
	mu      sync.Mutex
	process *process // nil while stopped
	ended   bool     // folders are gone; there is no way back
	lastLog string   // tail of the log, kept when its file is removed
}

// Start runs a server and returns when it accepts connections. It first removes
// what dead processes of this user left behind.
//
// The server lives until Stop or until ctx ends, whichever is first; a caller who
// has work to finish after a Ctrl-C gives it a context of its own. A server that
// could not start leaves nothing behind; the error then carries the end of its log.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{opts: o, log: o.logger()}
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := s.start(starting); err != nil {
		return nil, err
	}
	ended := context.WithoutCancel(ctx)
	s.unwatch = context.AfterFunc(ctx, func() {
		if err := s.shutdown(ended); err != nil {
			s.log.WarnContext(ended, "stop postgres", "dir", s.folders.home, "error", err)
		}
	})
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.account, err = chooseAccount(clusterOf(s.opts.Dir)); err != nil {
		return err
	}
	// Before any folder is made: a machine without Postgres stays as it is.
	if s.install, err = findInstall(ctx, s.account, majorOf(clusterOf(s.opts.Dir))); err != nil {
		return err
	}
	if s.folders, err = makeFolders(ctx, s.opts, s.account, s.log); err != nil {
		return fmt.Errorf("make postgres folder: %w", err)
	}
	if err = s.bringUp(ctx); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return errors.Join(err, s.halt(ctx, immediateShutdown), s.folders.remove(false))
	}
	return nil
}

// bringUp makes the cluster, if there is none, and starts it.
func (s *Server) bringUp(ctx context.Context) error {
	// Options.Dir may be the folder of a server that outlived its owner.
	if err := evict(ctx, s.folders.data, fastShutdown); err != nil {
		return err
	}
	if err := s.initCluster(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run(ctx)
}

// URL is where a database of the server is: over TCP with Options.Listen, else
// over the Unix socket. It contains the password; do not log it.
func (s *Server) URL(database string) string {
	if !s.opts.Listen {
		return s.SocketURL(database)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketURL is the way over the Unix socket, which needs no password: only this
// user (and root) can reach it.
func (s *Server) SocketURL(database string) string {
	query := url.Values{"host": {s.SocketDir()}, "port": {strconv.Itoa(s.port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// SocketDir is the folder of the Unix socket, PGHOST for psql.
func (s *Server) SocketDir() string { return s.folders.run }

// Dir is the folder that holds the cluster and the log.
func (s *Server) Dir() string { return s.folders.home }

// Version is the version of the server, for example 15.18.
func (s *Server) Version() string { return fmt.Sprintf("%d.%d", s.install.major, s.install.minor) }

// Stop ends all sessions, writes a checkpoint, and removes what Start made, unless
// Options.Keep. It may be called more than once and also waits for a stop that the
// end of Start's context began. When ctx ends first Postgres is killed, and the
// error says so; the folder is removed all the same.
func (s *Server) Stop(ctx context.Context) error {
	s.unwatch()
	return s.shutdown(ctx)
}

func (s *Server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	err := s.halt(ctx, fastShutdown)
	s.lastLog = tail(s.folders.log())
	s.ended = true
	if errRemove := s.folders.remove(s.opts.Keep); errRemove != nil {
		err = errors.Join(err, fmt.Errorf("remove postgres folder: %w", errRemove))
	}
	return err
}

// StopImmediate stops as a crash does: no checkpoint, sessions cut off in the
// middle. The cluster stays; Restart recovers it.
func (s *Server) StopImmediate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return s.halt(ctx, immediateShutdown)
}

// ErrStopped is returned by Restart after Stop.
var ErrStopped = errors.New("postgres stopped for good")

// Restart starts the server again, at the same addresses, after StopImmediate or
// after it ended by itself. A running server is stopped first.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrStopped
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := s.halt(ctx, fastShutdown); err != nil {
		return err
	}
	return s.run(ctx)
}

// Log is the end of the server's log, for an error message. It stays readable
// after Stop.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return s.lastLog
	}
	return tail(s.folders.log())
}
