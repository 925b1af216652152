package checkup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// Why a check could not look.
var (
	errNotConfigured = errors.New("not configured")
	errNoAnswer      = errors.New("no answer")
)

// site holds the connections that checks share. Each is opened once: nobody waits a second time for what did not answer.
type site struct {
	Config

	pool func() (*pgxpool.Pool, error)
	link func() (*link, error)
}

// link is the connection to the broker.
type link struct {
	nc *nats.Conn
	js jetstream.JetStream
	// denied is the last right that the user turned out not to have: a request without it is answered by silence.
	denied atomic.Pointer[string]
}

func newSite(ctx context.Context, c Config) *site {
	s := &site{Config: c.withDefaults()}
	s.pool = sync.OnceValues(func() (*pgxpool.Pool, error) { return s.openPool(ctx) })
	s.link = sync.OnceValues(func() (*link, error) { return s.openLink(ctx) })
	return s
}

// open makes both connections at once, so that a check's time is its own.
func (s *site) open() {
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.link() })
	wg.Go(func() { _, _ = s.pool() })
	wg.Wait()
}

// close must come after the last check.
func (s *site) close() {
	if l, err := s.link(); err == nil {
		l.nc.Close()
	}
	if p, err := s.pool(); err == nil {
		p.Close()
	}
}

func (s *site) openPool(ctx context.Context) (*pgxpool.Pool, error) {
	if s.DatabaseURL == "" {
		return nil, errNotConfigured
	}
	config, err := pgxpool.ParseConfig(s.DatabaseURL)
	if err != nil {
		// pgx' text would hold what could not be parsed, and that may be the password.
		return nil, errors.New("DATABASE_URL is no connection string of Postgres")
	}
	config.MaxConns = 4
	config.ConnConfig.RuntimeParams["application_name"] = "clerkstream doctor"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func (s *site) openLink(ctx context.Context) (*link, error) {
	if s.NATS == nil {
		return nil, errNotConfigured
	}
	l, changed := &link{}, make(chan struct{}, 1)
	nc, err := s.NATS.Connect(settings.ConnectOptions{
		Name: "clerkstream doctor", InboxPrefix: s.inbox(), Log: slog.New(slog.DiscardHandler),
		Changed: func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		},
		Failed: func(err error) {
			if text := err.Error(); errors.Is(err, nats.ErrPermissionViolation) {
				l.denied.Store(&text)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := connected(ctx, nc, changed, s.Within); err != nil {
		nc.Close()
		return nil, err
	}
	l.nc = nc
	if l.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return l, nil
}

// connected waits for the first connection; refused credentials are not waited for, though the connection itself goes on trying.
func connected(ctx context.Context, nc *nats.Conn, changed <-chan struct{}, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for !nc.IsConnected() {
		switch err := nc.LastError(); {
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
			return err
		case ctx.Err() != nil && err != nil:
			return err
		case ctx.Err() != nil:
			return errNoAnswer
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return nil
}

// inbox is the prefix that deploy/nats/accounts.conf binds a user to.
func (s *site) inbox() string {
	if s.Inbox != "" {
		return s.Inbox
	}
	for _, server := range settings.List(s.NATS.URL) {
		if u, err := url.Parse(server); err == nil && u.User != nil {
			return inboxes[u.User.Username()]
		}
	}
	return ""
}

var inboxes = map[string]string{"ingest": broker.IngestInbox, "watch": broker.WatchInbox}

// why makes an error of the broker's a line's: silence to a request that was denied is the denial.
func (l *link) why(err error) string {
	if denied := l.denied.Load(); denied != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)) {
		return *denied
	}
	return short(err)
}

// short is an error without the URL that net/http puts before it, and in one line.
func short(err error) string {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errNoAnswer.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
