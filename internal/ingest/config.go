package ingest

import (
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
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

// Limits bound time and memory. What an attacker without a secret can hold is Connections × BodyBytes of memory, for RequestTime.
type Limits struct {
	// BodyBytes is the greatest body (MAX_BODY_BYTES). Default 1 MiB. The broker's max_payload must hold it and events.MaxHeaderBytes.
	BodyBytes int64
	// InFlight is how many appends may wait for their acknowledgement at once (MAX_IN_FLIGHT). Default 1024. The next one is answered
	// 503 at once; nothing queues.
	InFlight int
	// Connections open at once (MAX_CONNECTIONS). Default 2048; more wait in the kernel's backlog.
	Connections int
	// AckTime is how long an append may take (ACK_TIMEOUT). Default 5 s, well below the 15 s after which Svix gives a delivery up.
	AckTime time.Duration
	// HeaderTime, RequestTime, WriteTime and IdleTime bound reading the header, reading the whole request, the time from the header's end
	// to the answer's end, and waiting for the next request. Defaults 5 s, 10 s, 20 s, 90 s.
	HeaderTime, RequestTime, WriteTime, IdleTime time.Duration
	// ShutdownTime is how long what is in flight may take after the order to stop (SHUTDOWN_TIMEOUT). Default 20 s: longer than a
	// request can last.
	ShutdownTime time.Duration
}

const (
	defaultSecretsName = "CLERK_WEBHOOK_SIGNING_SECRET"
	// maxBodyBytes is where nats-server begins to warn of its max_payload (8 MiB), and many times what Clerk can send.
	maxBodyBytes = 8<<20 - events.MaxHeaderBytes
	// svixGivesUp is Svix's documented time-out: a later answer counts as a failure, whatever it says.
	svixGivesUp = 15 * time.Second
)

func (c Config) withDefaults() Config {
	or(&c.ListenAddr, "127.0.0.1:8080")
	or(&c.OpsAddr, "127.0.0.1:9090")
	or(&c.Limits.BodyBytes, 1<<20)
	or(&c.Limits.InFlight, 1024)
	or(&c.Limits.Connections, 2048)
	or(&c.Limits.AckTime, 5*time.Second)
	or(&c.Limits.HeaderTime, 5*time.Second)
	or(&c.Limits.RequestTime, 10*time.Second)
	or(&c.Limits.WriteTime, 20*time.Second)
	or(&c.Limits.IdleTime, 90*time.Second)
	or(&c.Limits.ShutdownTime, 20*time.Second)
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
	for name, addr := range map[string]string{"LISTEN_ADDR": c.ListenAddr, "OPS_ADDR": c.OpsAddr} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			p.Add(name, "%q is not host:port", addr)
		}
	}
	c.validateInstances(p)
	c.NATS.Validate(p)
	for _, u := range c.MonitorURLs {
		if v, err := url.Parse(u); err != nil || v.Host == "" || v.Scheme != "http" && v.Scheme != "https" {
			p.Add("NATS_MONITOR_URL", "%q is not a URL like http://host:8222", u)
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

func (c Config) validateInstances(p *settings.Problems) {
	if len(c.Instances) == 0 {
		p.Add("CLERK_INSTANCE", "no instance is named")
	}
	names, streams, owners := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, in := range c.Instances {
		or(&in.SecretsName, defaultSecretsName)
		stream := broker.StreamName(in.Name)
		switch {
		case !events.IsToken(in.Name):
			p.Add("CLERK_INSTANCE", "%q cannot be part of a subject", in.Name)
		case names[in.Name]:
			p.Add("CLERK_INSTANCES", "names %q twice", in.Name)
		case streams[stream] != "":
			p.Add("CLERK_INSTANCES", "%q and %q have the same stream %s", streams[stream], in.Name, stream)
		}
		names[in.Name], streams[stream] = true, in.Name
		report := func(format string, args ...any) { p.Add(in.SecretsName, format, args...) }
		for i, key := range checkSecrets(in.Secrets, report) {
			// The path alone would then decide what a delivery belongs to.
			if owner, taken := owners[key]; taken && owner != in.Name {
				p.Add(in.SecretsName, "secret %d is also one of instance %s", i+1, owner)
			}
			owners[key] = in.Name
		}
		if in.ClerkID != "" && !events.IsToken(in.ClerkID) {
			p.Add("CLERK_INSTANCE_ID", "of %s is not like ins_…", in.Name)
		}
	}
}

func (l Limits) validate(p *settings.Problems) {
	if l.BodyBytes < 1 || l.BodyBytes > maxBodyBytes {
		p.Add("MAX_BODY_BYTES", "%d is not between 1 and %d", l.BodyBytes, maxBodyBytes)
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"MAX_IN_FLIGHT", l.InFlight}, {"MAX_CONNECTIONS", l.Connections}} {
		if n.v < 1 || n.v > 1<<20 {
			p.Add(n.name, "%d is not between 1 and %d", n.v, 1<<20)
		}
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"HEADER_TIMEOUT", l.HeaderTime}, {"REQUEST_TIMEOUT", l.RequestTime}, {"WRITE_TIMEOUT", l.WriteTime}, {"IDLE_TIMEOUT", l.IdleTime}, {"SHUTDOWN_TIMEOUT", l.ShutdownTime}} {
		if d.v < 0 {
			p.Add(d.name, "%s is negative", d.v)
		}
	}
	if l.AckTime < 0 || l.AckTime >= svixGivesUp {
		p.Add("ACK_TIMEOUT", "%s is not below the %s after which Svix gives up", l.AckTime, svixGivesUp)
	}
	if l.WriteTime > 0 && l.WriteTime < l.RequestTime+l.AckTime {
		p.Add("WRITE_TIMEOUT", "%s would cut answers off: it is less than REQUEST_TIMEOUT and ACK_TIMEOUT together", l.WriteTime)
	}
}
