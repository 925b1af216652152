package watch

import (
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// The defaults that flags show.
const (
	DefaultOpsAddr     = "127.0.0.1:9092"
	DefaultAPIURL      = "https://api.clerk.com"
	DefaultRecentEvery = 5 * time.Minute
	DefaultFullAt      = "03:00"
	DefaultShare       = 0.5
	DefaultCanaryEvery = 5 * time.Minute
	DefaultCanaryLimit = 5 * time.Minute
)

// Clerk's limits for an instance, in requests per ten seconds (clerk.com/docs/guides/how-clerk-works/system-limits).
const (
	productionBudget  = 1000
	developmentBudget = 100
	budgetSpan        = 10 * time.Second
)

// Config says for which instance the work is done and with what. Names in capitals, in what Validate reports, are how a person sets them.
type Config struct {
	// Instance names the Clerk environment. Required.
	Instance string
	// ClerkInstance is Clerk's own id of it, ins_…: a key of another instance is refused. Empty: it is compared with the newest messages on the stream.
	ClerkInstance string
	// SecretKey opens the Backend API, which is at APIURL. Required. SecretKeyName is what a person set it by.
	SecretKey, SecretKeyName string
	APIURL                   string
	// Version of this binary, for the heartbeat. May be empty.
	Version string
	// Budget is the requests per 10 s that Clerk is asked at most. Default: 1000 for a key of a production instance (sk_live_…), else 100.
	Budget int
	// Share is the part of the budget that walks may use, so that an application that asks Clerk with the same instance's budget is not held up. 0 to 1.
	Share float64

	// NATS is the broker's, as the user watch. DatabaseURL leads straight to the Postgres with the read model of Schema, as a member of clerkstream_watcher.
	NATS        settings.NATS
	DatabaseURL string
	Schema      string

	// Grace is how young a difference may be and still count as lag. Default 1 min.
	Grace               time.Duration
	KeepPrivateMetadata bool

	// OpsAddr is the private listener's. Required for Watch.
	OpsAddr string
	// RecentEvery is how often users are read by their last change; 0 is never. FullAt is the time of day, UTC, of the full walk; negative is never.
	RecentEvery, FullAt time.Duration
	// IngestURLs are ingest's private addresses, whose /metrics tell how deliveries are answered. May be empty.
	IngestURLs []string
	// WebhookURL is the public endpoint, which is asked during an outage to tell what is broken. May be empty.
	WebhookURL string
	// CanaryUser is a reserved user whose metadata is touched each CanaryEvery, to see within CanaryLimit that webhooks still come. Empty: none is.
	CanaryUser               string
	CanaryEvery, CanaryLimit time.Duration

	Log *slog.Logger
	// Registry is what /metrics shows. Default: a new one.
	Registry *prometheus.Registry
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// registerer is where parts register that live as long as the lock is held.
	registerer prometheus.Registerer
	// limits are the sentinel's, shortened by tests. Default: its own.
	limits sentinel.Limits
	// unrepaired calls holes closed without looking: the negative control of outages.
	unrepaired bool
}

var (
	schemaPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)
	keyPattern    = regexp.MustCompile(`^sk_(live|test)_[A-Za-z0-9+/=_-]+$`)
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

func (c Config) withDefaults() Config {
	if c.SecretKeyName == "" {
		c.SecretKeyName = "CLERK_SECRET_KEY"
	}
	if c.APIURL == "" {
		c.APIURL = DefaultAPIURL
	}
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	if c.Budget == 0 {
		c.Budget = developmentBudget
		if strings.HasPrefix(c.SecretKey, "sk_live_") {
			c.Budget = productionBudget
		}
	}
	if c.Share == 0 {
		c.Share = 1
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Registry == nil {
		c.Registry = ops.NewRegistry()
	}
	if c.registerer == nil {
		c.registerer = c.Registry
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports everything that is wrong, short of asking Clerk, Postgres and the broker.
func (c Config) Validate(p *settings.Problems) {
	c = c.withDefaults()
	if !settings.IsInstance(c.Instance) {
		p.Add("CLERK_INSTANCE", "%q is not %s", c.Instance, settings.InstanceForm)
	}
	switch {
	case c.SecretKey == "":
		p.Add(c.SecretKeyName, "is missing: the secret key of the instance, sk_live_… or sk_test_…, from Clerk's dashboard under API keys")
	case !keyPattern.MatchString(c.SecretKey):
		p.Add(c.SecretKeyName, "is no secret key: it begins with sk_live_ or sk_test_")
	}
	if c.ClerkInstance != "" && !strings.HasPrefix(c.ClerkInstance, "ins_") {
		p.Add("CLERK_INSTANCE_ID", "%q does not begin with ins_", c.ClerkInstance)
	}
	c.validateURLs(p)
	if _, err := pgx.ParseConfig(c.DatabaseURL); c.DatabaseURL == "" || err != nil {
		// The cause may quote the password.
		p.Add("DATABASE_URL", "is missing or malformed")
	}
	if !schemaPattern.MatchString(c.Schema) {
		p.Add("SCHEMA", "%q is not %s", c.Schema, schemaPattern)
	}
	if c.Budget < 10 {
		p.Add("CLERK_BUDGET", "%d requests per 10 s are too few to work with: 10 at least", c.Budget)
	}
	if c.Share < 0.01 || c.Share > 1 {
		p.Add("CLERK_BUDGET_SHARE", "%v is not from 0.01 to 1", c.Share)
	}
	if c.Grace < 0 {
		p.Add("GRACE", "%s is negative", c.Grace)
	}
	if c.RecentEvery < 0 || c.RecentEvery > 0 && c.RecentEvery < time.Second {
		p.Add("RECONCILE_RECENT_EVERY", "%s is neither 0 nor at least 1s", c.RecentEvery)
	}
	if c.CanaryUser != "" && !idPattern.MatchString(c.CanaryUser) {
		p.Add("CANARY_USER", "is no user's id")
	}
	if c.CanaryUser != "" && (c.CanaryEvery < time.Second || c.CanaryLimit < time.Second) {
		p.Add("CANARY_EVERY, CANARY_LIMIT", "are less than 1s")
	}
	c.NATS.Validate(p)
}

func (c Config) validateURLs(p *settings.Problems) {
	web := func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	}
	if !web(c.APIURL) {
		p.Add("CLERK_API_URL", "is not a URL like %s", DefaultAPIURL)
	}
	for _, s := range c.IngestURLs {
		if !web(s) {
			p.Add("INGEST_OPS_URL", "%q is not a URL like http://host:9090", s)
		}
	}
	if c.WebhookURL != "" && !web(c.WebhookURL) {
		p.Add("CLERK_WEBHOOK_URL", "is not a URL like https://host/webhooks/clerk")
	}
}
