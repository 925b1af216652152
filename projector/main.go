package projector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/projections"
)

// flags is what a projector's command line and environment say. The settings that name the read model go for every verb.
type flags struct {
	target
	LogFormat string `env:"LOG_FORMAT" default:"json" enum:"json,text" help:"json or text."`
	LogLevel  string `env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`

	Run      run          `cmd:"" default:"withargs" help:"Keep the read model current until told to stop (default)."`
	Rebuild  rebuildVerb  `cmd:"" help:"Fold the stream into the next generation, beside the live one."`
	Switch   switchVerb   `cmd:"" help:"Let readers see the next generation."`
	Rollback rollbackVerb `cmd:"" help:"Let readers see again what they saw before the last switch."`
	Retire   retireVerb   `cmd:"" help:"Drop a generation that readers no longer see."`
	AsOf     asofVerb     `cmd:"" name:"asof" help:"Show what an entity looked like at a moment of its past, and which events made it so."`
	Replay   replayVerb   `cmd:"" help:"Apply a range of messages, or one entity's, again."`
	Letters  letterVerbs  `cmd:"" name:"deadletter" help:"Look at messages that could not become rows, retry them or give them up."`
	Diff     diffVerb     `cmd:"" help:"Compare the next generation with the live one, row by row, at one position."`
	Verify   verifyVerb   `cmd:"" help:"Compare the live generation with a fresh fold of the stream up to its position."`
}

// target names a read model: where it is and which.
type target struct {
	Service         string   `env:"SERVICE" default:"default" help:"Name of the service that owns the read model."`
	Schema          string   `env:"SCHEMA" default:"clerk" help:"Schema of views that the service reads."`
	Instance        string   `env:"CLERK_INSTANCE" default:"default" help:"Clerk environment whose stream is read."`
	ReadModels      []string `env:"READ_MODELS" help:"Read models to keep, separated by commas; what they need comes with them. Default: all."`
	PrivateMetadata bool     `env:"KEEP_PRIVATE_METADATA" help:"Keep private_metadata too; ingest must keep it as well."`
	DatabaseURL     string   `env:"DATABASE_URL" name:"database-url" help:"Postgres, straight and not through a pooler. With a password in it, prefer the variable or DATABASE_URL_FILE."`
	FoldBytes       int64    `env:"FOLD_BYTES" default:"301989888" help:"Bytes of message bodies that a rebuild holds in memory at most."`

	settings.NATS
}

type run struct {
	OpsAddr      string        `env:"OPS_ADDR" default:"127.0.0.1:9091" help:"Private address of health, metrics and profiles."`
	Rebuild      string        `env:"REBUILD" default:"refuse" enum:"refuse,auto" help:"What to do when the service has only generations of other projections: refuse to start, or auto: build the next one."`
	MaxBatch     int           `env:"MAX_BATCH" default:"10000" help:"Messages in one transaction at most."`
	MaxBytes     int64         `env:"MAX_BYTES" default:"67108864" help:"Bytes of message bodies in memory at most."`
	VerifyEvery  time.Duration `env:"VERIFY_EVERY" default:"0s" help:"How often to compare some entities' rows with a fresh fold of their history; 0 is never."`
	VerifySample int           `env:"VERIFY_SAMPLE" default:"100" help:"Places of the stream that such a round picks."`
}

// verb is a command that does one thing and ends.
type verb interface {
	do(ctx context.Context, o *Operator, out io.Writer) error
}

// The exit statuses beside success and settings.ExitCode.
const (
	exitFailed = 1
	// exitRefused: everything is as it was, because something the verb looks at is not as it should be.
	exitRefused = 3
)

// Main is the whole of a projector binary: it reads flags and environment and returns the exit status. Without a verb it runs until SIGTERM or an
// interrupt: 0 after a clean stop, 1 when the projector had to give up. Every status of 2 is a wrong setting, of 3 a verb that was refused or found
// what it should not. A service with projections of its own calls it with them and gets the same verbs.
func Main(all ...projections.Projection) int {
	var (
		f        flags
		problems settings.Problems
	)
	parsed, done := settings.Parse(&problems, &f, os.Args[1:], os.Stdout, kong.Name("projector"), kong.Description("Keeps a service's local read model of Clerk current."))
	if done {
		return 0
	}
	log, err := ops.NewLogger(os.Stderr, f.LogFormat, f.LogLevel)
	if err != nil {
		problems.Add("LOG_FORMAT, LOG_LEVEL", "%v", err)
		log = slog.New(slog.DiscardHandler)
	}
	config := f.config(all, &problems, os.LookupEnv)
	config.Log = log
	config.withDefaults().validate(&problems)
	if err := problems.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return settings.ExitCode
	}
	spendMemory(os.LookupEnv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if one, ok := reflect.TypeAssert[verb](parsed.Selected().Target.Addr()); ok {
		// What a verb has to say goes to its output; its log would say the same again.
		config.Log = slog.New(slog.DiscardHandler)
		return operate(ctx, config, one)
	}
	if err := serve(ctx, config, f.Run.OpsAddr); err != nil {
		log.Error("projector: gave up", "error", err)
		return exitFailed
	}
	return 0
}

func operate(ctx context.Context, c Config, v verb) int {
	o, err := NewOperator(ctx, c)
	if err == nil {
		defer o.Close()
		err = v.do(ctx, o, os.Stdout)
	}
	var refusal *RefusedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refusal):
		fmt.Fprintf(os.Stderr, "projector: %s refused:\n", refusal.Verb)
		for _, reason := range refusal.Reasons {
			fmt.Fprintln(os.Stderr, "  "+reason)
		}
		return exitRefused
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "projector: interrupted")
	default:
		fmt.Fprintln(os.Stderr, "projector:", err)
	}
	return exitFailed
}

func (f *flags) config(all []projections.Projection, p *settings.Problems, env settings.Env) Config {
	t := &f.target
	chosen, err := projections.Select(all, t.ReadModels)
	if err != nil {
		p.Add("READ_MODELS", "%v", err)
		chosen = all
	}
	if t.PrivateMetadata {
		chosen = projections.WithPrivateMetadata(chosen)
	}
	t.DatabaseURL = env.FlagOrSecret(p, "DATABASE_URL", t.DatabaseURL)
	t.NATS.Resolve(env, p)
	return Config{
		Service: t.Service, Schema: t.Schema, Instance: t.Instance, Projections: chosen, DatabaseURL: t.DatabaseURL,
		NATSURL: t.NATS.URL, NATSCreds: t.NATS.Creds, NATSCA: t.NATS.CA, FoldBytes: t.FoldBytes,
		MaxBatch: f.Run.MaxBatch, MaxBytes: f.Run.MaxBytes, RebuildAuto: f.Run.Rebuild == "auto",
		VerifyEvery: f.Run.VerifyEvery, VerifySample: f.Run.VerifySample,
	}
}

// memoryLimit is where the collector begins to work harder, whatever the percentage says.
const memoryLimit = 450 << 20

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
