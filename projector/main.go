package projector

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/projections"
)

// flags is what a projector's command line and environment say.
type flags struct {
	Run run `cmd:"" default:"withargs" help:"Keep the read model current until told to stop (default)."`
}

type run struct {
	Service         string   `env:"SERVICE" default:"default" help:"Name of the service that owns the read model."`
	Schema          string   `env:"SCHEMA" default:"clerk" help:"Schema of views that the service reads."`
	Instance        string   `env:"CLERK_INSTANCE" default:"default" help:"Clerk environment whose stream is read."`
	ReadModels      []string `env:"READ_MODELS" help:"Read models to keep, separated by commas; what they need comes with them. Default: all."`
	PrivateMetadata bool     `env:"KEEP_PRIVATE_METADATA" help:"Keep private_metadata too; ingest must keep it as well."`
	DatabaseURL     string   `env:"DATABASE_URL" name:"database-url" help:"Postgres, straight and not through a pooler. With a password in it, prefer the variable or DATABASE_URL_FILE."`

	settings.NATS
	OpsAddr string `env:"OPS_ADDR" default:"127.0.0.1:9091" help:"Private address of health, metrics and profiles."`

	MaxBatch  int    `env:"MAX_BATCH" default:"10000" help:"Messages in one transaction at most."`
	MaxBytes  int64  `env:"MAX_BYTES" default:"67108864" help:"Bytes of message bodies in memory at most."`
	LogFormat string `env:"LOG_FORMAT" default:"json" help:"json or text."`
	LogLevel  string `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
}

// Main is the whole of a projector binary: it reads flags and environment, runs until SIGTERM or an interrupt, and returns the exit status: 0
// after a clean stop, 1 when the projector had to give up, 2 when it was told something wrong. A service with projections of its own calls
// it with them and gets the same verbs.
func Main(all []projections.Projection) int {
	var (
		f        flags
		problems settings.Problems
	)
	if settings.Parse(&problems, &f, os.Args[1:], os.Stdout, kong.Name("projector"), kong.Description("Keeps a service's local read model of Clerk current.")) {
		return 0
	}
	log, err := ops.NewLogger(os.Stderr, f.Run.LogFormat, f.Run.LogLevel)
	if err != nil {
		problems.Add("LOG_FORMAT, LOG_LEVEL", "%v", err)
		log = slog.New(slog.DiscardHandler)
	}
	config := f.Run.config(all, &problems, os.LookupEnv)
	config.Log = log
	config.withDefaults().validate(&problems)
	if err := problems.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return settings.ExitCode
	}
	spendMemory(os.LookupEnv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, config, f.Run.OpsAddr); err != nil {
		log.Error("projector: gave up", "error", err)
		return 1
	}
	return 0
}

func (r *run) config(all []projections.Projection, p *settings.Problems, env settings.Env) Config {
	chosen, err := projections.Select(all, r.ReadModels)
	if err != nil {
		p.Add("READ_MODELS", "%v", err)
		chosen = all
	}
	if r.PrivateMetadata {
		chosen = projections.WithPrivateMetadata(chosen)
	}
	if url := env.Secret(p, "DATABASE_URL"); url != "" {
		r.DatabaseURL = url
	}
	r.NATS.Resolve(env, p)
	return Config{
		Service: r.Service, Schema: r.Schema, Instance: r.Instance, Projections: chosen, DatabaseURL: r.DatabaseURL,
		NATSURL: r.NATS.URL, NATSCreds: r.NATS.Creds, NATSCA: r.NATS.CA, MaxBatch: r.MaxBatch, MaxBytes: r.MaxBytes,
	}
}

// memoryLimit is where the collector begins to work harder, whatever the percentage says.
const memoryLimit = 400 << 20

// spendMemory lets the heap grow further before it is collected: in catch-up the collector takes a tenth of the CPU otherwise. GOGC and GOMEMLIMIT
// overrule it.
func spendMemory(env settings.Env) {
	if v, _ := env("GOGC"); v == "" {
		debug.SetGCPercent(300)
	}
	if v, _ := env("GOMEMLIMIT"); v == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// stopTimeout bounds the answers of the private listener that are in hand at a stop.
const stopTimeout = 2 * time.Second

// serve runs the projector beside its private listener, until either ends.
func serve(ctx context.Context, c Config, opsAddr string) error {
	registry := ops.NewRegistry()
	c.Metrics = registry
	p, err := New(c)
	if err != nil {
		return err
	}
	listener, err := ops.Listen(ops.Config{Addr: opsAddr, Registry: registry, NotReady: p.NotReady, Log: c.Log})
	if err != nil {
		return err
	}
	c.Log.InfoContext(ctx, "projector: listening", "ops_addr", listener.Addr())
	group, running := errgroup.WithContext(ctx)
	group.Go(listener.Serve)
	group.Go(func() error {
		// A projector that ended, cleanly or not, takes the listener with it.
		defer func() {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			listener.Stop(bounded)
		}()
		return p.Run(running)
	})
	return group.Wait()
}
