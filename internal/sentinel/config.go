package sentinel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says what is watched, and with what.
type Config struct {
	// Instance names the Clerk environment, and so the stream. Required.
	Instance string
	// JS reads the stream by an ordered consumer of headers only, without a filter. Required.
	JS jetstream.JetStream
	// IngestURLs are the private addresses of all ingests, http://host:9090. Without them refusals are not seen, and causes hardly told.
	IngestURLs []string
	// WebhookURL is the public endpoint. It is asked during an outage, to tell a broken route from an endpoint that sends nothing. May be empty.
	WebhookURL string
	// Canary may be zero: then none is sent.
	Canary Canary
	// Repair fetches what webhooks since from would have told, and returns how many objects it published, also when it fails. It is called by one goroutine,
	// and again later when it fails. Required.
	Repair func(ctx context.Context, from time.Time) (repaired int, err error)
	// Record writes an outage down: a new row when its ID is 0, else that row. It returns the row's id. It is called by one goroutine, again later when it
	// fails, and must be idempotent by ID. May be nil.
	Record func(ctx context.Context, o Outage) (id int64, err error)
	// Unfinished are the recorded outages that are not reconciled. One without an end goes on until webhooks are seen to come.
	Unfinished []Outage
	Limits     Limits
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Log gets states and causes. Default: none.
	Log *slog.Logger
	// Metrics takes the collectors. Default: nobody sees them.
	Metrics prometheus.Registerer
}

// Canary says how webhooks are put to the test.
type Canary struct {
	// UserID is a user that nothing else changes. Empty: no canary.
	UserID string
	// Every is the pause between two touches. Default 5 min.
	Every time.Duration
	// Limit is how long the event may take. Default 2 min; Clerk promises no time, and usually takes seconds.
	Limit time.Duration
	// Touch changes the user's metadata through the Backend API, so that an event must follow. It has Limit to return.
	Touch func(ctx context.Context) error
}

// Limits are times and numbers by which it is judged. Zero values mean the defaults.
type Limits struct {
	// MaxAge is the age of the last webhook at which silence is reported whatever was learnt. Default 24 h.
	MaxAge time.Duration
	// Floor is the shortest silence that is ever reported. Default 10 min.
	Floor time.Duration
	// Learn is how much of the stream's past is read at the start. Default 7 days.
	Learn time.Duration
	// Refused is how many verifiable refusals, with no delivery taken since, are an outage once the first of them is RefusedFor old. Default 3, and 1 min.
	Refused    int
	RefusedFor time.Duration
	// Scrape is the pause between two looks at the ingests. Default 15 s.
	Scrape time.Duration
	// Unseen is how long an ingest may not answer, or the stream not be read, before that is failing. Default 1 min.
	Unseen time.Duration
	// Margin is how much earlier than the last good webhook the repair begins: an event is older than its delivery. Default 5 min.
	Margin time.Duration
	// Tick is the pause between two judgements. Default 5 s.
	Tick time.Duration
}

func (l Limits) withDefaults() Limits {
	or(&l.MaxAge, 24*time.Hour)
	or(&l.Floor, 10*time.Minute)
	or(&l.Learn, 7*24*time.Hour)
	or(&l.Refused, 3)
	or(&l.RefusedFor, time.Minute)
	or(&l.Scrape, 15*time.Second)
	or(&l.Unseen, time.Minute)
	or(&l.Margin, 5*time.Minute)
	or(&l.Tick, 5*time.Second)
	return l
}

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	or(&c.Canary.Every, 5*time.Minute)
	or(&c.Canary.Limit, 2*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Record == nil {
		c.Record = func(_ context.Context, o Outage) (int64, error) { return max(o.ID, 1), nil }
	}
	return c
}

func or[T comparable](v *T, otherwise T) {
	if zero := *new(T); *v == zero {
		*v = otherwise
	}
}

func (c Config) validate() error {
	var problems []error
	if c.Instance == "" || c.JS == nil || c.Repair == nil {
		problems = append(problems, errors.New("instance, jetstream and repair are required"))
	}
	if c.Canary.UserID != "" && c.Canary.Touch == nil {
		problems = append(problems, errors.New("a canary without touch"))
	}
	l := c.Limits
	for _, d := range []time.Duration{
		c.Canary.Every, c.Canary.Limit, l.MaxAge, l.Floor, l.Learn, l.RefusedFor, l.Scrape, l.Unseen, l.Margin, l.Tick, time.Duration(l.Refused),
	} {
		if d <= 0 {
			problems = append(problems, errors.New("a limit is negative"))
			break
		}
	}
	urls := c.IngestURLs
	if c.WebhookURL != "" {
		urls = append(slices.Clip(urls), c.WebhookURL)
	}
	for i, s := range urls {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			problems = append(problems, fmt.Errorf("address %d is not like http://host:9090", i+1))
		}
	}
	return errors.Join(problems...)
}

// newClient follows no redirect, as Svix does not, and keeps few connections.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
