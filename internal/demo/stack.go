// Package demo is the whole of clerkstream on one machine, with nothing installed: a private Postgres and broker, ingest, a projector, and the
// simulator as Clerk. `clerkstream demo` runs a history through it and judges what came out; `clerkstream dev` keeps it standing.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

// StackConfig says what the private stack is like.
type StackConfig struct {
	// Instance names the Clerk environment. Required.
	Instance string
	// ListenAddr is where ingest takes deliveries; port 0 takes a free one. Required.
	ListenAddr string
	// Secret signs the deliveries. Default: a new one.
	Secret string
	// DuplicateWindow of the stream; 0 is that of stream.json.
	DuplicateWindow time.Duration
	// Reachable opens Postgres on TCP too, for tools beside this process, and makes it durable.
	Reachable bool
	// Observe is told of each commit of the projector.
	Observe func(projector.Commit)
	// Clerk, if set, is served on SimAddr, and what its directed changes tell is delivered at once; everything else it has to tell is the caller's
	// to send. SimAddr's default is a free port.
	//
	// Its endpoint is set to ingest and Secret, and may be changed while the stack runs.
	Clerk   *clerksim.Clerk
	SimAddr string
	// Compress divides the pauses of Svix' retries of the Clerk's messages. Default 2000: a day of them takes 50 s, and the first one comes at once.
	Compress float64
	Log      *slog.Logger
}

// Stack is the running parts. All of them are this process's own, on free ports of 127.0.0.1, and end with it.
type Stack struct {
	Secret    string
	Ingest    *ingest.Server
	Projector *projector.Projector
	Registry  *prometheus.Registry
	JS        jetstream.JetStream
	Stream    jetstream.Stream

	config    StackConfig
	nats      *natsserver.Server
	postgres  *pgserver.Server
	conn      *nats.Conn
	logins    logins
	face      *face         // nil without a Clerk
	committed atomic.Uint64 // last sequence that the projector committed
}

// database is the service's database in the private Postgres.
const database = "clerkstream"

// Service is the name under which the stack's projector keeps its read model.
const Service = "demo"

// stopTimeout bounds the end of the private Postgres.
const stopTimeout = 20 * time.Second

// Run starts the parts, calls work, and ends everything in the order in which nothing is lost: first what takes in, then what writes, then the
// stores. It returns work's error, or that of the part which failed under it.
func Run(ctx context.Context, c StackConfig, work func(context.Context, *Stack) error) (err error) {
	if c.Secret == "" {
		c.Secret = newSecret()
	}
	if c.Compress == 0 {
		c.Compress = compress
	}
	s := &Stack{config: c, Registry: ops.NewRegistry(), Secret: c.Secret}
	// The stores outlive ctx: an interrupt ends the work first and them last.
	stores := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, s.stopStores(stores)) }()
	if err := s.startStores(ctx); err != nil {
		return err
	}
	if err := s.build(); err != nil {
		return err
	}
	serving, stop := context.WithCancel(stores)
	group, running := errgroup.WithContext(serving)
	group.Go(func() error { return s.Ingest.Run(running) })
	group.Go(func() error { return s.Projector.Run(running) })
	if s.face != nil {
		group.Go(func() error { return s.face.run(running) })
		group.Go(func() error { return Courier(running, s.delivery(), s.config.Clerk) })
	}
	group.Go(func() error {
		defer stop()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// A part that fails ends the work.
		defer context.AfterFunc(running, cancel)()
		if err := s.ready(ctx); err != nil {
			return err
		}
		return work(ctx, s)
	})
	return group.Wait()
}

func (s *Stack) startStores(ctx context.Context) (err error) {
	s.nats, err = natsserver.Start(ctx, natsserver.Options{Monitor: true, Logger: s.config.Log})
	if err != nil {
		return fmt.Errorf("start broker: %w", err)
	}
	s.postgres, err = pgserver.Start(context.WithoutCancel(ctx), pgserver.Options{Listen: s.config.Reachable, Durable: s.config.Reachable, Logger: s.config.Log})
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	if err := s.postgres.CreateDatabase(ctx, database, ""); err != nil {
		return err
	}
	if _, _, err := migrate.Up(ctx, s.DatabaseURL()); err != nil {
		return err
	}
	if s.logins, err = makeLogins(ctx, s.DatabaseURL()); err != nil {
		return err
	}
	if s.conn, err = nats.Connect(s.nats.URL()); err != nil {
		return fmt.Errorf("connect to broker: %w", err)
	}
	if s.JS, err = jetstream.New(s.conn); err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	if _, err := broker.Provision(ctx, s.JS, s.config.Instance, broker.Settings{DuplicateWindow: s.config.DuplicateWindow}); err != nil {
		return err
	}
	s.Stream, err = s.JS.Stream(ctx, broker.StreamName(s.config.Instance))
	return err
}

func (s *Stack) build() (err error) {
	s.Ingest, err = ingest.New(ingest.Config{
		ListenAddr: s.config.ListenAddr, OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: s.nats.URL()}, MonitorURLs: []string{s.nats.MonitorURL()},
		Instances: []ingest.Instance{{Name: s.config.Instance, Secrets: []string{s.Secret}}}, Log: s.config.Log, Registry: s.Registry,
	})
	if err != nil {
		return err
	}
	s.Projector, err = projector.New(projector.Config{
		Service: Service, Instance: s.config.Instance, Projections: projections.All(), DatabaseURL: s.DatabaseURL(), NATSURL: s.nats.URL(),
		Log: s.config.Log, Metrics: s.Registry, Observe: s.observe,
	})
	if err == nil && s.config.Clerk != nil {
		err = s.play(s.config.Clerk)
	}
	if err != nil {
		s.Ingest.Close()
	}
	return err
}

// play tells the Clerk where its webhooks go, and serves it.
func (s *Stack) play(clerk *clerksim.Clerk) (err error) {
	if err := clerk.SetEndpoint(clerksim.Endpoint{URL: s.WebhookURL(), Secret: s.Secret}); err != nil {
		return err
	}
	s.face, err = listen(s.config.SimAddr, clerk)
	return err
}

func (s *Stack) observe(c projector.Commit) {
	s.committed.Store(c.Sequence)
	if s.config.Observe != nil {
		s.config.Observe(c)
	}
}

// ready waits until the projector leads, so that nobody takes the making of its tables for lag.
func (s *Stack) ready(ctx context.Context) error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for s.Projector.State() != projector.StateLeading {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the projector: %w", context.Cause(ctx))
		case <-poll.C:
		}
	}
	return nil
}

func (s *Stack) stopStores(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if s.conn != nil {
		s.conn.Close()
	}
	if s.nats != nil {
		s.nats.Stop()
	}
	if s.postgres != nil {
		return s.postgres.Stop(ctx)
	}
	return nil
}

// DatabaseURL leads to the service's database as superuser.
func (s *Stack) DatabaseURL() string { return s.postgres.URL(database) }

// WebhookURL is the endpoint to give to Clerk, or to whoever plays Clerk.
func (s *Stack) WebhookURL() string { return "http://" + s.Ingest.Addr() + "/webhooks/clerk" }

// Clerk is who the stack plays, or nil.
func (s *Stack) Clerk() *clerksim.Clerk { return s.config.Clerk }

// SimURL is where Clerk is served: its keys are at /.well-known/jwks.json below. Empty without a Clerk.
func (s *Stack) SimURL() string {
	if s.face == nil {
		return ""
	}
	return "http://" + s.face.listener.Addr().String()
}

// Instance is the name of the Clerk environment.
func (s *Stack) Instance() string { return s.config.Instance }

// TenantURL leads to the database as orders_api: a service's login, which reads under the policies and handles events.
func (s *Stack) TenantURL() string { return s.logins.tenant }

// ReaderURL leads there as orders_reader, which reads every row of the read model.
func (s *Stack) ReaderURL() string { return s.logins.reader }

// OwnerURL leads there as orders_owner, which makes schemas of its own and is nobody to the read model.
func (s *Stack) OwnerURL() string { return s.logins.owner }

// NATSURL leads to the broker.
func (s *Stack) NATSURL() string { return s.nats.URL() }

// newSecret makes a signing secret as Svix does: 24 random bytes.
func newSecret() string {
	var key [24]byte
	_, _ = rand.Read(key[:]) // never fails, says crypto/rand
	return "whsec_" + base64.StdEncoding.EncodeToString(key[:])
}
