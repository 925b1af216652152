package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/appender"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// Config is what a Reconciler works with.
type Config struct {
	// Instance is our name of the Clerk environment, ClerkInstance Clerk's id of it (ins_…); where that is set, a key of another one is refused.
	Instance, ClerkInstance string
	API                     *clerkapi.Client
	// DatabaseURL leads to the database with the read model, as a member of clerkstream_watcher. Schema is that of its views. Default: clerk.
	DatabaseURL, Schema string
	// Appender and JS lead to the instance's stream.
	Appender *appender.Appender
	JS       jetstream.JetStream
	// Grace is how long a webhook may take before what it would tell counts as missing. Default one minute; negative is none.
	Grace time.Duration
	// CatchUp is how long the read model may take to reach the end of its stream before a comparison gives up. Default one minute.
	CatchUp time.Duration
	// AppendTimeout is how long an event is tried to be appended while the broker is away. Default two minutes.
	AppendTimeout time.Duration
	// KeepPrivateMetadata keeps it in the events, as ingest's flag of that name does. Both must say the same.
	KeepPrivateMetadata bool
	// Now is the clock of observations. Default time.Now.
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer

	// unconfirmed takes the walk's word for a deletion: the negative control of extras.
	unconfirmed bool
	// hasty writes a position down before its page is published, and goes no further: the negative control of resuming.
	hasty bool
}

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	for of, otherwise := range map[*time.Duration]time.Duration{
		&c.Grace: time.Minute, &c.CatchUp: time.Minute, &c.AppendTimeout: 2 * time.Minute,
	} {
		if *of == 0 {
			*of = otherwise
		}
	}
	c.Grace = max(c.Grace, 0)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// Reconciler compares one instance with one read model. Its methods may be called at the same time; that there is one process per instance is the
// caller's to see to.
type Reconciler struct {
	config  Config
	stream  string
	pool    *pgxpool.Pool
	metrics *metrics
	turns   chan struct{} // one for each page at work
}

// connections is one for each page that is compared, one that holds what is seen, and some for whoever hydrates meanwhile.
const connections = pagesAtWork + 6

// New checks the configuration. It connects when it is first used; Close ends its connections.
func New(c Config) (*Reconciler, error) {
	c = c.withDefaults()
	var problems []error
	for missing, is := range map[string]bool{"instance": c.Instance == "", "api": c.API == nil, "appender": c.Appender == nil, "jetstream": c.JS == nil} {
		if is {
			problems = append(problems, fmt.Errorf("%s is required", missing))
		}
	}
	pool, err := pgxpool.ParseConfig(c.DatabaseURL)
	if err != nil {
		// The text of the error may hold the password.
		problems = append(problems, errors.New("database url cannot be read"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	pool.MaxConns = connections
	pool.ConnConfig.RuntimeParams["application_name"] = "clerkstream watch"
	r := &Reconciler{config: c, stream: broker.StreamName(c.Instance), metrics: newMetrics(c.Metrics), turns: make(chan struct{}, pagesAtWork)}
	// The pool's own goroutine ends with Close, not with a context.
	if r.pool, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	return r, nil
}

// Close ends the connections to Postgres. Call it after every other method has returned.
func (r *Reconciler) Close() { r.pool.Close() }

// ErrOtherInstance says that the key opens another environment than the one that is configured.
var ErrOtherInstance = errors.New("the secret key is of another instance")

// checkInstance asks whose key it is: with another's, everything here would be taken for deleted.
func (r *Reconciler) checkInstance(ctx context.Context) error {
	if r.config.ClerkInstance == "" {
		return nil
	}
	is, err := r.config.API.Instance(ctx)
	if err != nil {
		return fmt.Errorf("ask for the instance: %w", err)
	}
	if is.ID != r.config.ClerkInstance {
		return fmt.Errorf("%w: %s, not %s", ErrOtherInstance, is.ID, r.config.ClerkInstance)
	}
	return nil
}
