package main

import (
	"os"
	"time"

	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// checkupFlags say what there is to look at: the settings of ingest, projector and watch, under the same names.
type checkupFlags struct {
	Instance       string        `env:"CLERK_INSTANCE" default:"default" help:"Clerk environment to look at."`
	NATSURL        string        `name:"nats-url" env:"NATS_URL" help:"Servers of the broker, separated by commas; or NATS_URL_FILE. As watch, projector or operator."`
	NATSCreds      string        `name:"nats-creds" env:"NATS_CREDS" help:"Credentials file (JWT and seed)."`
	NATSCA         string        `name:"nats-ca" env:"NATS_CA" help:"PEM file with the certificate authorities to trust; also turns TLS on."`
	NATSInbox      string        `name:"nats-inbox" env:"NATS_INBOX" help:"Prefix of the replies that the user may hear; default: as deploy/nats has it for the user's name."`
	NATSMonitorURL string        `name:"nats-monitor-url" env:"NATS_MONITOR_URL" help:"Monitoring endpoints of all the broker's servers, http://host:8222."`
	DatabaseURL    string        `name:"database-url" env:"DATABASE_URL" help:"A service's database, as a member of clerkstream_reader or clerkstream_watcher; or DATABASE_URL_FILE."`
	JSON           bool          `name:"json" help:"Print it for a program."`
	Wait           time.Duration `default:"10s" help:"How long each connection and each question may take."`
}

func (f *checkupFlags) config(p *settings.Problems) checkup.Config {
	env := settings.Env(os.LookupEnv)
	c := checkup.Config{
		Instance: f.Instance, Inbox: f.NATSInbox, MonitorURLs: settings.List(f.NATSMonitorURL), Within: f.Wait,
		DatabaseURL: env.FlagOrSecret(p, "DATABASE_URL", f.DatabaseURL),
	}
	if !settings.IsInstance(f.Instance) {
		p.Add("CLERK_INSTANCE", "%q is not %s", f.Instance, settings.InstanceForm)
	}
	if f.Wait <= 0 {
		p.Add("--wait", "%s is no time", f.Wait)
	}
	if url := env.FlagOrSecret(p, "NATS_URL", f.NATSURL); url != "" {
		c.NATS = &settings.NATS{URL: url, Creds: f.NATSCreds, CA: f.NATSCA}
		c.NATS.Validate(p)
	}
	return c
}
