// Package denylist ends access before a session token expires. A token says what was true when Clerk issued it; the read model knows what happened since,
// and its change feed tells of it within milliseconds.
//
// Each token falls under one of two rules, by when it was issued. The horizon is the moment since which the feed has been heard without a gap.
//
//   - Issued after the horizon: everything that happened to it since was heard. It is refused if an entry of the list contradicts it, and the entry's
//     change is not older than the token. What the read model does not know yet refuses nothing, so its lag never locks out who just signed up or joined.
//   - Issued at or before it: something may have been missed. The token's user and membership must be found in the read model, and its session must not have
//     ended there; that is looked up once for each session, organization and role. A token of which something is absent is refused as outdated: the one that
//     the client fetches next is newer.
//
// A notice of the feed is a hint where to look. What refuses is the row that is then read: a forged notice costs a query, lets nobody pass, and refuses
// nobody who has a row in order.
package denylist

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/clerkstream/clerkstream/auth"
)

// Policy says what becomes of requests while nothing is known about revocations.
type Policy uint8

const (
	// FailClosed refuses them with freshness_unknown (503).
	FailClosed Policy = iota
	// FailOpen lets them pass: their tokens are still short-lived, and Clerk issues no new ones to whom it revoked them from.
	FailOpen
)

// Config says where the read model is and what to do without it.
type Config struct {
	// Pool leads to the read model. Its login must be a member of clerkstream_reader, and its server the one that ListenURL leads to: a replica would
	// show rows as they were before the change that a notice tells of. Required.
	Pool *pgxpool.Pool
	// ListenURL leads to the same database directly, or through a pooler in session mode. Default: that of Pool.
	ListenURL string
	// Schema is that of the views. Default: clerk.
	Schema string
	// MaxTokenLife is the longest life of a token that the verifier accepts, and so for how long an entry is kept. Default: 10 minutes, as
	// auth.Config.MaxLifetime.
	MaxTokenLife time.Duration
	// WhenLost is the policy while the feed has been lost for longer than Grace, and for a token that has to be looked up and cannot be. Default: FailClosed.
	WhenLost Policy
	// Grace is for how long a lost feed makes no difference. Default: 15 s, in which a database fails over or a listener is let in again.
	Grace time.Duration
	// Leeway is by how much Clerk's clock may be ahead of this machine's. So long after (re)connecting, new tokens are looked up too. Default: 2 s.
	Leeway time.Duration
	// MaxEntries bounds the list, and apart from it what is remembered of tokens that were looked up. A list that would be longer is forgotten, and the
	// horizon moves to now. Default: 100 000, some 30 MB each by their size.
	MaxEntries int
	// Metrics takes the metrics. Default: none.
	Metrics prometheus.Registerer
	// Log is told when the feed comes and goes. Default: silence.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	if c.Pool == nil {
		return c, errors.New("denylist: no pool")
	}
	if c.MaxTokenLife < 0 || c.Grace < 0 || c.Leeway < 0 || c.MaxEntries < 0 || c.WhenLost > FailOpen {
		return c, errors.New("denylist: a duration, a bound or the policy is out of range")
	}
	if c.ListenURL == "" {
		c.ListenURL = c.Pool.Config().ConnString()
	}
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	if c.MaxTokenLife == 0 {
		c.MaxTokenLife = 10 * time.Minute
	}
	if c.Grace == 0 {
		c.Grace = 15 * time.Second
	}
	if c.Leeway == 0 {
		c.Leeway = 2 * time.Second
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = 100_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// Denylist is the auth.Revocations of a service. It is safe for concurrent use.
type Denylist struct {
	config  Config
	rows    *reader
	metrics *metrics
	pending pending
	proofs  *proofs
	lookups singleflight.Group

	mu sync.RWMutex // guards what follows
	// entries are what is denied.
	entries entries
	// horizon is in ms since 1970; a token issued at or before it has to be looked up.
	horizon int64
	// epoch counts the moves of the horizon: what was read before one says nothing after it.
	epoch uint64
	// lost is since when the feed is not heard, zero while it is.
	lost time.Time
	// applied is the stream's position up to which notices became entries.
	applied uint64
}

// New makes a Denylist. Until Run hears the feed each token is looked up, and once Grace is over the policy holds.
func New(c Config) (*Denylist, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Denylist{
		config: c, rows: newReader(c.Pool, c.Schema), metrics: newMetrics(c.Metrics),
		pending: newPending(c.MaxEntries), proofs: newProofs(c.MaxEntries), entries: newEntries(),
		horizon: math.MaxInt64, lost: c.Now(),
	}
	return d, nil
}

// Listening says whether the feed is heard at the moment: something for a readiness probe under FailClosed.
func (d *Denylist) Listening() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.lost.IsZero()
}

// Check implements auth.Revocations: it returns nil, or an *auth.Error that says what happened since the token was issued. It asks Postgres only about
// tokens from before the horizon, once for each session, organization and role, and then for at most two seconds.
func (d *Denylist) Check(ctx context.Context, id *auth.Identity) error {
	issued := id.IssuedAt.UnixMilli()
	d.mu.RLock()
	code := d.entries.refuse(id, issued)
	known, epoch, lost := issued > d.horizon, d.epoch, d.lost
	d.mu.RUnlock()
	switch {
	case code != "":
		return d.refuse(code, nil)
	case !lost.IsZero() && d.config.Now().Sub(lost) > d.config.Grace:
		return d.unknown(errLost)
	case known:
		return nil
	}
	code, err := d.lookUp(ctx, id, epoch)
	switch {
	case err != nil:
		return d.unknown(err)
	case code != "":
		return d.refuse(code, nil)
	}
	return nil
}

// errLost is why nothing is known about a token.
var errLost = errors.New("the change feed is lost")

// unknown answers for a token of which nobody knows whether it still holds.
func (d *Denylist) unknown(cause error) error {
	if d.config.WhenLost == FailOpen {
		d.metrics.unchecked.Inc()
		return nil
	}
	return d.refuse(auth.CodeFreshnessUnknown, cause)
}

func (d *Denylist) refuse(code auth.Code, cause error) error {
	d.metrics.refusals.WithLabelValues(string(code)).Inc()
	return auth.Refuse(code, cause)
}
