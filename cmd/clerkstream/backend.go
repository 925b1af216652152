package main

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/watch"
)

// backendFlags are what the verbs need that read Clerk's Backend API. The secret key has no flag.
type backendFlags struct {
	Instance      string `env:"CLERK_INSTANCE" default:"default" help:"Name of the Clerk environment, as it stands in subjects and in the stream's name."`
	ClerkID       string `name:"clerk-instance-id" placeholder:"ins_…" help:"Clerk's own id of the instance: a key of another one is refused; or CLERK_INSTANCE_ID. Default: as the newest messages of the stream say."`
	APIURL        string `name:"api-url" env:"CLERK_API_URL" default:"https://api.clerk.com" help:"Clerk's Backend API."`
	Budget        int    `env:"CLERK_BUDGET" help:"Requests per 10 s that Clerk is asked at most. Default: 1000 with a key of a production instance, 100 otherwise, which are Clerk's limits."`
	settings.NATS `embed:""`
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" help:"Database with the read model to compare with, as a member of clerkstream_watcher, straight and not by way of a pooler; or DATABASE_URL_FILE."`
	Schema        string        `env:"SCHEMA" default:"clerk" help:"Schema of the read model."`
	Grace         time.Duration `env:"GRACE" help:"How young a difference may be and count as lag, for its webhook may be on its way. Default: 1m."`

	KeepPrivateMetadata bool   `env:"KEEP_PRIVATE_METADATA" help:"Store private_metadata instead of blanking it, as ingest was told to."`
	LogLevel            string `env:"LOG_LEVEL" default:"${log_level}" help:"debug, info, warn or error."`
	LogFormat           string `env:"LOG_FORMAT" help:"json or text. Default: json for watch, text for what ends."`
}

// config joins flags and secrets, and adds everything that is wrong to p. format is the log's where none is set.
func (f *backendFlags) config(p *settings.Problems, format string) watch.Config {
	if f.LogFormat != "" {
		format = f.LogFormat
	}
	env := settings.Env(os.LookupEnv)
	f.NATS.Resolve(env, p)
	log, err := ops.NewLogger(os.Stderr, format, f.LogLevel)
	if err != nil {
		p.Add("LOG_LEVEL, LOG_FORMAT", "%v", err)
	}
	c := watch.Config{
		Instance: f.Instance, ClerkInstance: f.ClerkID, APIURL: f.APIURL, Version: buildVersion(), Budget: f.Budget, Share: 1, NATS: f.NATS,
		DatabaseURL: env.FlagOrSecret(p, "DATABASE_URL", f.DatabaseURL), Schema: f.Schema, Grace: f.Grace, KeepPrivateMetadata: f.KeepPrivateMetadata, Log: log,
	}
	instances := settings.NewInstances(env, p, f.Instance, "")
	c.SecretKey, c.SecretKeyName = instances.Secret(p, "CLERK_SECRET_KEY", f.Instance)
	if c.ClerkInstance == "" {
		c.ClerkInstance, _ = instances.Value(p, "CLERK_INSTANCE_ID", f.Instance)
	}
	return c
}

// backendHelp is what --help adds to each of the verbs.
const backendHelp = `
The secret key comes from CLERK_SECRET_KEY or from the file that CLERK_SECRET_KEY_FILE names, with the instance as suffix where there are several
(CLERK_SECRET_KEY_STAGING). One process at a time works for an instance: the others are told who it is.`

// buildVersion is the module's, which the go command knows when it was installed or built from a tag.
func buildVersion() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "unknown"
}
