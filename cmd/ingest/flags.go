package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
)

const description = `Takes Clerk's webhooks, verifies them, and answers 2xx only after NATS JetStream acknowledged the append.

Secrets have no flag. CLERK_WEBHOOK_SIGNING_SECRET holds the whsec_… of the endpoint, or several while they rotate; CLERK_INSTANCE_ID (ins_…) ` +
	`refuses deliveries of every other Clerk environment. With CLERK_INSTANCES each takes its instance as suffix: ` +
	`CLERK_WEBHOOK_SIGNING_SECRET_STAGING. Secrets and NATS_URL can be read from a file: CLERK_WEBHOOK_SIGNING_SECRET_FILE.

Exit status: 0 after a clean stop, 1 when it could not go on, 2 when a setting is wrong.`

// flags are the settings that are no secrets, each with its environment twin.
type flags struct {
	ListenAddr string `env:"LISTEN_ADDR" default:"${listen_addr}" help:"Where deliveries come in."`
	OpsAddr    string `env:"OPS_ADDR" default:"${ops_addr}" help:"Private address of /healthz, /readyz, /metrics and profiles."`
	Instance   string `env:"CLERK_INSTANCE" default:"default" help:"Name of the Clerk environment, as it stands in subjects and in the stream's name."`
	Instances  string `env:"CLERK_INSTANCES" help:"Names of several environments; each has the path /webhooks/clerk/<name>."`

	settings.NATS  `embed:""`
	NATSMonitorURL string `name:"nats-monitor-url" env:"NATS_MONITOR_URL" help:"Monitoring endpoints of all the broker's servers, http://host:8222, to learn whether appends are fsynced."`

	RequireReplicas     int  `env:"REQUIRE_REPLICAS" default:"0" help:"Stay unready while the stream has fewer copies."`
	RequireFsync        bool `env:"REQUIRE_FSYNC" help:"Stay unready unless each append is known to be fsynced before its acknowledgement."`
	KeepPrivateMetadata bool `env:"KEEP_PRIVATE_METADATA" help:"Store private_metadata instead of blanking it."`

	MaxBodyBytes    int64         `env:"MAX_BODY_BYTES" default:"${max_body_bytes}" help:"Greatest body; the broker's max_payload must hold it and its headers."`
	MaxInFlight     int           `env:"MAX_IN_FLIGHT" default:"${max_in_flight}" help:"Appends that may wait for their acknowledgement at once."`
	MaxConnections  int           `env:"MAX_CONNECTIONS" default:"${max_connections}" help:"Connections open at once."`
	AckTimeout      time.Duration `env:"ACK_TIMEOUT" default:"${ack_timeout}" help:"How long an append may take."`
	HeaderTimeout   time.Duration `env:"HEADER_TIMEOUT" default:"${header_timeout}" help:"How long a request's header may take."`
	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" default:"${request_timeout}" help:"How long header and body may take."`
	WriteTimeout    time.Duration `env:"WRITE_TIMEOUT" default:"${write_timeout}" help:"From the header's end to the answer's end."`
	IdleTimeout     time.Duration `env:"IDLE_TIMEOUT" default:"${idle_timeout}" help:"How long a connection may wait for its next request."`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" default:"${shutdown_timeout}" help:"How long what is in flight may take after SIGTERM."`

	LogLevel  string           `env:"LOG_LEVEL" default:"info" help:"debug (each delivery), info, warn or error."`
	LogFormat string           `env:"LOG_FORMAT" default:"json" help:"json or text."`
	Version   kong.VersionFlag `help:"Print the version."`
}

// parse reads flags and environment. done says that --help or --version was printed.
func (f *flags) parse(p *settings.Problems, args []string, stdout io.Writer) (done bool) {
	d := ingest.DefaultLimits()
	_, done = settings.Parse(p, f, args, stdout, kong.Name("ingest"), kong.Description(description), kong.Vars{
		"version": version(), "listen_addr": ingest.DefaultListenAddr, "ops_addr": ingest.DefaultOpsAddr,
		"max_body_bytes": fmt.Sprint(d.BodyBytes), "max_in_flight": fmt.Sprint(d.InFlight), "max_connections": fmt.Sprint(d.Connections),
		"ack_timeout": d.AckTime.String(), "header_timeout": d.HeaderTime.String(), "request_timeout": d.RequestTime.String(),
		"write_timeout": d.WriteTime.String(), "idle_timeout": d.IdleTime.String(), "shutdown_timeout": d.ShutdownTime.String(),
	})
	return done
}

// config joins flags and secrets, and adds everything that is wrong to p.
func (f *flags) config(p *settings.Problems, env settings.Env, stderr io.Writer) ingest.Config {
	f.NATS.Resolve(env, p)
	log, err := ops.NewLogger(stderr, f.LogFormat, f.LogLevel)
	if err != nil {
		p.Add("LOG_LEVEL, LOG_FORMAT", "%v", err)
	}
	c := ingest.Config{
		ListenAddr: f.ListenAddr, OpsAddr: f.OpsAddr, NATS: f.NATS, MonitorURLs: settings.List(f.NATSMonitorURL),
		RequireReplicas: f.RequireReplicas, RequireFsync: f.RequireFsync, KeepPrivateMetadata: f.KeepPrivateMetadata,
		Limits: ingest.Limits{
			BodyBytes: f.MaxBodyBytes, InFlight: f.MaxInFlight, Connections: f.MaxConnections, AckTime: f.AckTimeout,
			HeaderTime: f.HeaderTimeout, RequestTime: f.RequestTimeout, WriteTime: f.WriteTimeout, IdleTime: f.IdleTimeout,
			ShutdownTime: f.ShutdownTimeout,
		},
		Log: log,
	}
	instances := settings.NewInstances(env, p, f.Instance, f.Instances)
	for _, name := range instances.Names {
		secrets, key := instances.Secret(p, "CLERK_WEBHOOK_SIGNING_SECRET", name)
		clerkID, _ := instances.Value(p, "CLERK_INSTANCE_ID", name)
		c.Instances = append(c.Instances, ingest.Instance{Name: name, Secrets: settings.List(secrets), ClerkID: clerkID, SecretsName: key})
	}
	c.Validate(p)
	return c
}

// version is the module's, which the go command knows when it was installed or built from a tag.
func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}
