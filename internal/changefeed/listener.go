package changefeed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// Subscriber is told of the feed. Its methods are called one at a time, from the goroutine that runs Listen, and hold it up while they run: see Listen.
type Subscriber interface {
	// Connected says that from now on every change is heard. Changes before were missed: everything known is in doubt.
	Connected()
	// Changed brings a notice. The subscriber may keep it.
	Changed(Notice)
	// Lost says that nothing is heard until the next Connected. It follows Connected, never another Lost.
	Lost()
}

// Config says where to listen.
type Config struct {
	// URL leads to Postgres directly, or through a pooler in session mode. Through one in transaction mode LISTEN fails silently. Required. The login
	// needs the right to connect and no other.
	URL string
	// Schema is that of the views. Default: clerk.
	Schema string
	// Idle is how often the connection is pinged, whether anything is heard or not. Default: 2 s.
	Idle time.Duration
	// Timeout bounds a ping and, twice over, coming up. Default: 2 s. With Idle it is how long a dead peer goes unnoticed.
	Timeout time.Duration
	// Log is told when the feed comes and goes. Default: silence.
	Log *slog.Logger
}

// sessionTimeout is after how long Postgres ends the session of a listener that says nothing, such as a stopped process. Without it that session
// would hold back the end of Postgres' notification queue, which once it is full (8 GB) fails every commit that notifies.
const sessionTimeout = 30 * time.Second

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	if c.Idle <= 0 {
		c.Idle = 2 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// maxChannel is where Postgres cuts a name off.
const maxChannel = 63

// Listen brings the feed to its subscriber until ctx ends, and then returns nil. It connects again, with growing pauses up to 5 s, whenever the
// connection fails. It returns an error only for a Config that cannot work.
//
// Notices wait in the order of their commits while the subscriber is busy: first in the socket, then in Postgres' own queue on disk. Memory here holds one of
// them, and those that arrive during a ping. So a subscriber that is slow, or busy for some seconds, loses nothing; one that takes nothing for half a
// minute loses the connection, and is told. Do the work elsewhere, and let the subscriber only note it down.
func Listen(ctx context.Context, c Config, to Subscriber) error {
	l, err := newListener(c.withDefaults(), to)
	if err != nil {
		return fmt.Errorf("listen to change feed: %w", err)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	for ctx.Err() == nil {
		if l.session(ctx) {
			pause.Reset()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
	return nil
}

// listener is one call of Listen.
type listener struct {
	Config
	target *pgx.ConnConfig
	to     Subscriber
	// asked is when Postgres last heard from us: what it sends us does not count for idle_session_timeout.
	asked time.Time
}

func newListener(c Config, to Subscriber) (*listener, error) {
	target, err := pgx.ParseConfig(c.URL)
	if err != nil {
		// What pgx says may quote the password.
		return nil, errors.New("the URL of Postgres cannot be parsed")
	}
	if channel := Channel(c.Schema); len(channel) > maxChannel {
		return nil, fmt.Errorf("channel %s is longer than %d bytes", channel, maxChannel)
	}
	target.ConnectTimeout = 2 * c.Timeout
	target.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: c.Idle, Interval: c.Timeout, Count: 2}}).DialContext
	target.RuntimeParams["application_name"] = "clerkstream change feed " + c.Schema
	target.RuntimeParams["idle_session_timeout"] = fmt.Sprint(max(sessionTimeout, 4*c.Idle).Milliseconds())
	return &listener{Config: c, target: target, to: to}, nil
}

// session listens on one connection until it fails or ctx ends. heard says that the connection stood.
func (l *listener) session(ctx context.Context) (heard bool) {
	conn, err := l.connect(ctx)
	if err == nil {
		err = l.hear(ctx, conn)
		heard = true
	}
	if ctx.Err() == nil {
		l.Log.WarnContext(ctx, "change feed: not connected", "schema", l.Schema, "error", err)
	}
	return heard
}

// hear tells the subscriber first that the connection is lost, and then takes its time to close it: a dead peer makes that wait.
func (l *listener) hear(ctx context.Context, conn *pgx.Conn) error {
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
		defer cancel()
		_ = conn.Close(bounded)
	}()
	l.Log.InfoContext(ctx, "change feed: connected", "schema", l.Schema)
	l.to.Connected()
	defer l.to.Lost()
	for {
		if err := l.next(ctx, conn); err != nil {
			return err
		}
	}
}

func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.target)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.Exec(ctx, `listen `+pgx.Identifier{Channel(l.Schema)}.Sanitize()); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("listen on %s: %w", Channel(l.Schema), err)
	}
	l.asked = time.Now()
	return conn, nil
}

// next waits for one notice, and asks once in a while whether there is still somebody at the other end.
func (l *listener) next(ctx context.Context, conn *pgx.Conn) error {
	idle, cancel := context.WithDeadline(ctx, l.asked.Add(l.Idle))
	defer cancel()
	n, err := conn.WaitForNotification(idle)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		l.to.Changed(l.read(ctx, n.Payload))
		return nil
	case idle.Err() == nil || conn.IsClosed():
		return fmt.Errorf("wait for a notice: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	if err := conn.Ping(bounded); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	l.asked = time.Now()
	return nil
}

// read never fails: who cannot tell what changed must assume that everything did.
func (l *listener) read(ctx context.Context, payload string) Notice {
	var n Notice
	if err := json.Unmarshal([]byte(payload), &n); err != nil {
		l.Log.WarnContext(ctx, "change feed: notice cannot be read", "schema", l.Schema, "bytes", len(payload))
		return Notice{Flush: true}
	}
	return n
}
