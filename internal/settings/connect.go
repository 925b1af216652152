package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"
)

// The time limits of a connection.
const (
	// dialWithin bounds one attempt, TLS and login included.
	dialWithin = 3 * time.Second
	// A host that vanishes without closing its connection is noticed after three of these. nats.go's own 2 minutes would let every
	// publish run into its deadline for six.
	pingEvery = 10 * time.Second
	// writeWithin bounds a write to a broker that reads no more.
	writeWithin = 10 * time.Second

	firstDelay, lastDelay = 100 * time.Millisecond, 5 * time.Second
)

// ConnectOptions are the caller's side of a connection.
type ConnectOptions struct {
	// Name is what the broker's operator sees.
	Name string
	// InboxPrefix is the subject under which replies come, to which the user's permissions may be bound. Default _INBOX.
	InboxPrefix string
	// Changed is called after every change between connected and not, one call at a time. It must not block. May be nil.
	Changed func()
	// Failed is called with every asynchronous error, such as a permission the user lacks. It must not block. May be nil.
	Failed func(error)
	Log    *slog.Logger
}

// Connect returns a connection that lives until it is closed: a broker that is away, or refuses the credentials, is tried again for ever,
// at the start as well as later, and the log says so once for each change. It fails only on options that can never work.
//
// Nothing is buffered while the broker is away: a publish then fails at once. With nats.go's own buffer it would hang, and be sent
// after its caller had long been told that it failed.
func (n *NATS) Connect(o ConnectOptions) (*nats.Conn, error) {
	w := &connectionLog{log: o.Log, changed: o.Changed, failed: o.Failed, sample: rate.Sometimes{First: 5, Interval: 10 * time.Second}}
	options := []nats.Option{
		nats.Name(o.Name),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(delay),
		nats.Timeout(dialWithin),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(writeWithin),
		nats.ConnectHandler(w.connected),
		nats.ReconnectHandler(w.connected),
		nats.DisconnectErrHandler(w.disconnected),
		nats.ReconnectErrHandler(w.attemptFailed),
		nats.ErrorHandler(w.asyncError),
		nats.LameDuckModeHandler(w.lameDuck),
	}
	if o.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	if n.Creds != "" {
		options = append(options, nats.UserCredentials(n.Creds))
	}
	if n.CA != "" {
		options = append(options, nats.RootCAs(n.CA))
	}
	nc, err := nats.Connect(strings.Join(n.servers(), ","), options...)
	if err != nil {
		// An error about the URL would carry the URL.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("connect to broker: %w", err)
	}
	return nc, nil
}

// delay doubles from firstDelay to lastDelay, with jitter so that the services of a site do not come back at the same moment.
func delay(rounds int) time.Duration {
	d := lastDelay
	if rounds < 7 {
		d = min(lastDelay, firstDelay<<max(rounds-1, 0))
	}
	return d/2 + rand.N(d/2)
}

// connectionLog writes one line for each change. Its methods are nats.go's callbacks, which come one after another from one goroutine
// of the connection; that goroutine owns the fields.
type connectionLog struct {
	log     *slog.Logger
	changed func()
	failed  func(error)
	sample  rate.Sometimes
	last    string // the last failed attempt's text
}

// connected logs the address and not the URL: the redacted form that nats.go offers shows a token.
func (c *connectionLog) connected(nc *nats.Conn) {
	c.last = ""
	c.log.Info("broker connected", "server", nc.ConnectedAddr(), "server_name", nc.ConnectedServerName(), "version", nc.ConnectedServerVersion())
	c.notify()
}

func (c *connectionLog) disconnected(_ *nats.Conn, err error) {
	if err == nil { // closed by ourselves
		c.notify()
		return
	}
	c.log.Warn("broker disconnected", "error", err)
	c.notify()
}

func (c *connectionLog) attemptFailed(_ *nats.Conn, err error) {
	if text := err.Error(); text != c.last {
		c.last = text
		c.log.Warn("broker not reachable, trying on", "error", err)
		c.notify()
	}
}

func (c *connectionLog) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	attrs := []any{"error", err}
	if sub != nil {
		attrs = append(attrs, "subject", sub.Subject)
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		// Each publish without permission causes one.
		c.sample.Do(func() { c.log.Error("broker denies permission", attrs...) })
	} else {
		c.log.Warn("broker connection error", attrs...)
	}
	if c.failed != nil {
		c.failed(err)
	}
}

func (c *connectionLog) lameDuck(nc *nats.Conn) {
	c.log.Info("broker server is shutting down, moving to another", "server", nc.ConnectedAddr())
}

func (c *connectionLog) notify() {
	if c.changed != nil {
		c.changed()
	}
}
