package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/denylist"
	"github.com/clerkstream/clerkstream/auth/forward"
	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/subscribe"
)

// app is the service's parts. Two logins, because policies of roles add up: requests and handlers run as a tenant, who sees what the transaction's
// identity may see; the directory and the denylist read everything.
type app struct {
	log       *slog.Logger
	pool      *pgxpool.Pool // tenant
	directory *directory.Directory
	denylist  *denylist.Denylist
	verifier  auth.Authenticator
	group     *subscribe.Group
	closers   []func()
}

func newApp(ctx context.Context, c config, log *slog.Logger) (a *app, err error) {
	a = &app{log: log}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.pool, err = a.connect(ctx, c.DatabaseURL); err != nil {
		return nil, fmt.Errorf("connect as tenant: %w", err)
	}
	reader, err := a.connect(ctx, c.ReaderDatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("connect as reader: %w", err)
	}
	if a.directory, err = directory.New(directory.Config{Pool: reader, ListenURL: c.ReaderDatabaseURL, Log: log}); err != nil {
		return nil, err
	}
	if a.denylist, err = denylist.New(denylist.Config{Pool: reader, Log: log}); err != nil {
		return nil, err
	}
	if err := a.believe(c); err != nil {
		return nil, err
	}
	return a, a.react(c)
}

// connect makes a pool. It connects when it is first used: a database that is away for a moment stops no start.
func (a *app) connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, url)
	if err == nil {
		a.closers = append(a.closers, pool.Close)
	}
	return pool, err
}

// believe says who names the caller: the gateway's token, and nothing else that a request carries.
func (a *app) believe(c config) error {
	k := forward.KeySetConfig(c.GatewayURL)
	k.AllowPlainHTTP, k.MinInterval, k.Log = c.AllowHTTP, time.Second, a.log
	keys, err := auth.NewKeySet(k)
	if err != nil {
		return fmt.Errorf("keys of the gateway: %w", err)
	}
	a.closers = append(a.closers, keys.Close)
	v := forward.VerifierConfig{Keys: keys, Audience: "orders"}
	if c.Denylist {
		v.Revocations = a.denylist
	}
	a.verifier, err = forward.NewVerifier(v)
	return err
}

// react joins the stream as the group "orders".
func (a *app) react(c config) error {
	conn, err := nats.Connect(c.NATSURL, nats.Name("orders"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true))
	if err != nil {
		return errors.New("connect to the broker: NATS_URL is malformed") // the cause may quote the password
	}
	a.closers = append(a.closers, conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	a.group, err = subscribe.New(subscribe.Config{
		Service: "orders", Instance: c.Instance, JetStream: js, Pool: a.pool, Handlers: a.reactions(), AckWait: c.AckWait, Log: a.log,
	})
	return err
}

// parts are what runs beside the listener, each until its context ends.
func (a *app) parts() []func(context.Context) error {
	return []func(context.Context) error{a.directory.Run, a.denylist.Run, a.group.Run, a.sendWelcomes}
}

func (a *app) close() {
	for _, c := range slices.Backward(a.closers) {
		c()
	}
}
