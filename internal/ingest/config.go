package ingest

import (
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// Config is what an ingest is told. Zero values mean the defaults below. In parentheses: how the person at the command line says it,
// which is also how problems name it.
type Config struct {
	// ListenAddr is where deliveries come in (LISTEN_ADDR). Default 127.0.0.1:8080; port 0 takes a free one.
	ListenAddr string
	// OpsAddr is the private listener (OPS_ADDR). Default 127.0.0.1:9090.
	OpsAddr string
	// Instances are the Clerk environments whose deliveries are taken; at least one. With exactly one, /webhooks/clerk is its path beside
	// /webhooks/clerk/<name>; with several only the latter works, so that nothing depends on their order.
	Instances []Instance
	// NATS says how to reach the broker.
	NATS settings.NATS
	// MonitorURLs are the monitoring endpoints of every server of the broker, http://host:8222 (NATS_MONITOR_URL). Without them nobody
	// can tell whether an append is fsynced.
	MonitorURLs []string
	// RequireReplicas and RequireFsync keep the ingest unready, answering 503, while the broker promises less (REQUIRE_REPLICAS,
	// REQUIRE_FSYNC). Default: report only. An unknown fsync does not satisfy RequireFsync.
	RequireReplicas int
	RequireFsync    bool
	// KeepPrivateMetadata leaves private_metadata in the stored bodies (KEEP_PRIVATE_METADATA). Default: blanked.
	KeepPrivateMetadata bool
	Limits              Limits
	// Log gets ids, types and outcomes, never bodies, e-mail addresses, IP addresses or secrets. Default: none.
	Log *slog.Logger
	// Registry gets the metrics. Default: a new one with the Go runtime's.
	Registry *prometheus.Registry
	// Now is the clock that stamps events. Default time.Now. Signatures are checked against the machine's clock.
	Now func() time.Time
}

// Instance is one Clerk environment.
type Instance struct {
	// Name is a token of the subject: prod, staging…
	Name string
	// Secrets that sign its deliveries (CLERK_WEBHOOK_SIGNING_SECRET); several while they rotate.
	Secrets []string
	// ClerkID pins the environment: a delivery that names another is refused (CLERK_INSTANCE_ID, ins_…). Empty: any.
	ClerkID string
	// SecretsName is what problems call the secrets. Default CLERK_WEBHOOK_SIGNING_SECRET.
	SecretsName string
}

const defaultSecretsName = "CLERK_WEBHOOK_SIGNING_SECRET"

// The default addresses.
const (
	DefaultListenAddr = "127.0.0.1:8080"
	DefaultOpsAddr    = "127.0.0.1:9090"
)

func (c Config) withDefaults() Config {
	or(&c.ListenAddr, DefaultListenAddr)
	or(&c.OpsAddr, DefaultOpsAddr)
	c.Limits = c.Limits.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = ops.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func or[T comparable](v *T, otherwise T) {
	if zero := *new(T); *v == zero {
		*v = otherwise
	}
}

// Validate reports everything that is wrong, short of asking the broker.
func (c Config) Validate(p *settings.Problems) {
	c = c.withDefaults()
	validateAddr(p, "LISTEN_ADDR", c.ListenAddr)
	validateAddr(p, "OPS_ADDR", c.OpsAddr)
	c.validateInstances(p)
	c.NATS.Validate(p)
	for i, u := range c.MonitorURLs {
		if v, err := url.Parse(u); err != nil || v.Host == "" || v.Scheme != "http" && v.Scheme != "https" {
			p.Add("NATS_MONITOR_URL", "URL %d is not like http://host:8222", i+1)
		}
	}
	if n := c.RequireReplicas; n < 0 || n > 5 {
		p.Add("REQUIRE_REPLICAS", "%d is not between 0 and 5", n)
	}
	if c.RequireFsync && len(c.MonitorURLs) == 0 {
		p.Add("REQUIRE_FSYNC", "needs NATS_MONITOR_URL: only the servers' monitoring endpoints tell whether appends are fsynced")
	}
	c.Limits.validate(p)
}

func validateAddr(p *settings.Problems, name, addr string) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		p.Add(name, "%q is not host:port", addr)
	}
}

func (c Config) validateInstances(p *settings.Problems) {
	key := "CLERK_INSTANCES"
	if len(c.Instances) < 2 {
		key = "CLERK_INSTANCE"
	}
	if len(c.Instances) == 0 {
		p.Add(key, "no instance is named")
	}
	names, owners := map[string]bool{}, map[string]string{}
	for _, in := range c.Instances {
		switch {
		case !settings.IsInstance(in.Name):
			p.Add(key, "%q is not %s", in.Name, settings.InstanceForm)
		case names[in.Name]:
			p.Add(key, "names %q twice", in.Name)
		}
		names[in.Name] = true
		in.validateSecrets(p, owners)
		if in.ClerkID != "" && !events.IsToken(in.ClerkID) {
			p.Add("CLERK_INSTANCE_ID", "of %s is not like ins_…", in.Name)
		}
	}
}

// validateSecrets also keeps in owners whose each key is: with one key for two instances the path alone would decide what a delivery
// belongs to.
func (in Instance) validateSecrets(p *settings.Problems, owners map[string]string) {
	or(&in.SecretsName, defaultSecretsName)
	keys := checkSecrets(in.Secrets, func(format string, args ...any) { p.Add(in.SecretsName, format, args...) })
	for i, key := range keys {
		if owner, taken := owners[key]; taken && owner != in.Name {
			p.Add(in.SecretsName, "secret %d is also one of instance %s", i+1, owner)
		}
		owners[key] = in.Name
	}
}
