package subscribe

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/events"
)

// Config says which handlers a service has and how they are treated.
type Config struct {
	// Service names the group: the durable consumer, the inbox entries and the dead letters. [a-z][a-z0-9_]{0,30}, the same over releases. Required.
	// Processes of one service share the work. Handlers that shall not wait for each other belong to two groups, which are two names.
	Service string
	// Instance is the Clerk environment whose stream is read. Default: default.
	Instance string
	// JetStream is the connection to the broker, nats-server 2.14 or newer, as the user subscriber of deploy/nats. Required. The caller closes it, after Run.
	JetStream jetstream.JetStream
	// Pool leads to the database with the operational schema, for dead letters. Its login is a member of clerkstream_subscriber. Required.
	Pool *pgxpool.Pool
	// Handlers are what the service does. Required. Types without one are not read.
	Handlers []Handler

	// Start is where a group begins that never ran. Default: with what comes from now on; a service that is new is not to welcome everybody who ever
	// signed up.
	Start Position
	// Sources are those whose events are handled; others are passed over. Default: webhook, and reconcile, which tells of what a webhook failed to. Events
	// of backfill and hydrate tell what is, not what happened.
	Sources []events.Source

	// Parallel is how many events are handled at the same time in this process. With 1 the group handles one event at a time in the stream's order,
	// over all processes, and waits while a failed one stays away. With more, events of one entity are handled one at a time and in the stream's order
	// within a process, as long as none fails. Default: 4.
	Parallel int
	// Attempts is how often a handler is tried for one delivery, 100 ms apart at first. Default: 3.
	Attempts int
	// MaxDeliveries is how often an event is delivered before a handler that still fails gets a dead letter instead. Default: one more than Backoff has.
	// An event that was delivered twice as often and never came to an end, because it ends its process, becomes a dead letter untried.
	MaxDeliveries int
	// Backoff is how long a failed event stays away, by deliveries; the last value goes for the rest. Default: DefaultBackoff.
	Backoff []time.Duration
	// HandleTimeout bounds one attempt of a handler. Default: 1 min.
	HandleTimeout time.Duration
	// AckWait is after how long the events of a dead process are given to another. Default: 30 s. It is not a limit for handlers.
	AckWait time.Duration
	// CloseTimeout is how long handlers may go on when Run's context has ended. Default: 20 s.
	CloseTimeout time.Duration

	// Middleware is put around all handlers of an event, the first outermost. Default: none.
	Middleware []message.HandlerMiddleware
	// Metrics gets the collectors. Default: none.
	Metrics prometheus.Registerer
	// Log gets failures and dead letters, never payloads. Default: discard.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Instance == "" {
		c.Instance = "default"
	}
	if len(c.Sources) == 0 {
		c.Sources = []events.Source{events.SourceWebhook, events.SourceReconcile}
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	if len(c.Backoff) == 0 {
		c.Backoff = DefaultBackoff()
	}
	if c.MaxDeliveries == 0 {
		c.MaxDeliveries = len(c.Backoff) + 1
	}
	if c.HandleTimeout == 0 {
		c.HandleTimeout = time.Minute
	}
	if c.AckWait == 0 {
		c.AckWait = 30 * time.Second
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

var (
	servicePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)
	handlerPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
)

// validate reports every problem at once.
func (c Config) validate() error {
	var found []error
	problem := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	if !servicePattern.MatchString(c.Service) {
		problem("service %q does not match %s", c.Service, servicePattern)
	}
	if !events.IsToken(c.Instance) {
		problem("instance %q is not [A-Za-z0-9_-]+", c.Instance)
	}
	if c.JetStream == nil {
		problem("no JetStream")
	}
	if c.Pool == nil {
		problem("no pool")
	}
	if len(c.Handlers) == 0 {
		problem("no handlers")
	}
	if c.Parallel < 0 || c.Attempts < 0 || c.MaxDeliveries < 0 || c.HandleTimeout < 0 || c.AckWait < 0 || c.CloseTimeout < 0 {
		problem("a number is negative")
	}
	known, seen := events.Types(), map[string]bool{}
	for _, h := range c.Handlers {
		key := h.name + " " + h.typ
		switch {
		case !handlerPattern.MatchString(h.name):
			problem("handler name %q does not match %s", h.name, handlerPattern)
		case !slices.Contains(known, h.typ):
			problem("handler %s: type %q is not in the catalogue", h.name, h.typ)
		case seen[key]:
			problem("handler %s is there twice for %s", h.name, h.typ)
		}
		seen[key] = true
	}
	return errors.Join(found...)
}
