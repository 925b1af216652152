package projector

import (
	"context"
	"log/slog"
	"regexp"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/projections"
)

// Config says which read models of which stream go where.
type Config struct {
	// Service names the owner of the read model: [a-z][a-z0-9_]{0,30}. Required. Several services may share a database.
	Service string
	// Schema is the schema of views that the service reads. Default: clerk. The tables of generation N live in <Schema>_gN.
	Schema string
	// Instance is the Clerk environment whose stream is read. Default: default.
	Instance string
	// Projections are the read models. Required; projections.All is the built-in ones.
	Projections []projections.Projection

	// DatabaseURL must lead straight to Postgres, not through a pooler: the session's lock and the transactions are on one connection. Required.
	// The login must be a member of clerkstream_projector, and of clerkstream_owner where the first generation is still to be made.
	DatabaseURL string
	// NATSURL lists the broker's servers, with user and password where it wants them. Required. The projector needs to read its instance's stream and nothing
	// else. NATSCreds is a credentials file, NATSCA a PEM file of authorities to trust.
	NATSURL, NATSCreds, NATSCA string

	// RebuildAuto lets a projector whose service has only generations of other projections build its own next one. Default: it refuses to start.
	RebuildAuto bool
	// FoldBytes bounds the message bodies that a rebuild holds in memory; past it the rebuild writes what it has and goes on. Default: 288 MiB.
	FoldBytes int64

	// MaxBatch bounds the messages of one transaction. Default: 10000.
	MaxBatch int
	// MaxBytes bounds the message bodies held in memory for each generation that is followed, over all batches in the works. Default: 64 MiB; at
	// least 4 MiB.
	MaxBytes int64
	// Decoders is the number of goroutines that decode a batch. Default: half of the processors, so that the writer is never kept waiting for one.
	Decoders int

	// VerifyEvery is how often the leader of the live generation folds the history of a few entities anew and compares their rows, on a connection of
	// its own: see the metrics …_verified_entities_total, …_verify_differences and …_verified_at_seconds. Default: 0, never.
	VerifyEvery time.Duration
	// VerifySample is how many places of the stream a round picks; their entities are compared. Default: 100.
	VerifySample int

	// Log gets state changes and dead letters, never payloads. Default: discard.
	Log *slog.Logger
	// Metrics gets the collectors. Default: none.
	Metrics prometheus.Registerer
	// Observe is called after each commit, from the goroutine that writes: it must not block. Default: none.
	Observe func(Commit)
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// switches are the guards that tests turn off to prove that they guard something.
	switches switches
}

// switches turn one guard each off, or stand in for a fault. The zero value is production.
type switches struct {
	arrivalOrder bool // versions go by arrival instead of by the event
	unfenced     bool // no lock, and the checkpoint moves without comparing
	unwatched    bool // a standby does not look at the leader
	commit       func(ctx context.Context, tx pgx.Tx) error
	step         func(name string) // where a crash test ends the process
}

// Commit tells what one transaction did.
type Commit struct {
	At time.Time
	// Generation is the one it went to.
	Generation int
	// Sequence is the new position, Messages how many it stands for, Skipped those of them that no read model wants.
	Sequence          uint64
	Messages, Skipped int
	// Applied are rows written; Duplicates events that were there already, Stale those that a newer one had overtaken.
	Applied, Duplicates, Stale int
	DeadLetters, Sanitised     int
	// Received is the moment of receipt of each message, for whoever measures lag.
	Received []time.Time
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// minBytes keeps room for two messages of the greatest size that a broker with max_payload 2 MB takes.
const minBytes = 4 << 20

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = "clerk"
	}
	if c.Instance == "" {
		c.Instance = "default"
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 10_000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
	}
	if c.FoldBytes == 0 {
		c.FoldBytes = 288 << 20
	}
	if c.VerifySample == 0 {
		c.VerifySample = 100
	}
	if c.Decoders == 0 {
		c.Decoders = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.switches.commit == nil {
		c.switches.commit = func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) }
	}
	if c.switches.step == nil {
		c.switches.step = func(string) {}
	}
	return c
}

func (c Config) nats() *settings.NATS {
	return &settings.NATS{URL: c.NATSURL, Creds: c.NATSCreds, CA: c.NATSCA}
}

// validate reports everything that is wrong, short of asking Postgres and the broker. Names in capitals are how a person at the command line says it.
func (c Config) validate(p *settings.Problems) {
	if !namePattern.MatchString(c.Service) {
		p.Add("SERVICE", "%q is not %s", c.Service, namePattern)
	}
	if !namePattern.MatchString(c.Schema) {
		p.Add("SCHEMA", "%q is not %s", c.Schema, namePattern)
	}
	if !events.IsToken(c.Instance) {
		p.Add("CLERK_INSTANCE", "%q is not [A-Za-z0-9_-]+", c.Instance)
	}
	validateProjections(c.Projections, p)
	if _, err := pgx.ParseConfig(c.DatabaseURL); c.DatabaseURL == "" || err != nil {
		// The cause may quote the password.
		p.Add("DATABASE_URL", "is missing or malformed")
	}
	c.nats().Validate(p)
	if c.MaxBatch < 1 {
		p.Add("MAX_BATCH", "%d is not positive", c.MaxBatch)
	}
	if c.MaxBytes < minBytes {
		p.Add("MAX_BYTES", "%d is less than %d", c.MaxBytes, minBytes)
	}
	if c.FoldBytes < minBytes {
		p.Add("FOLD_BYTES", "%d is less than %d", c.FoldBytes, minBytes)
	}
	if c.VerifyEvery < 0 {
		p.Add("VERIFY_EVERY", "%s is negative", c.VerifyEvery)
	}
	if c.VerifySample < 1 {
		p.Add("VERIFY_SAMPLE", "%d is not positive", c.VerifySample)
	}
	if c.Decoders < 1 {
		p.Add("Decoders", "%d is not positive", c.Decoders)
	}
}

func validateProjections(all []projections.Projection, p *settings.Problems) {
	if len(all) == 0 {
		p.Add("READ_MODELS", "there are none")
	}
	seen := map[string]bool{}
	for _, one := range all {
		if seen[one.Name()] {
			p.Add("READ_MODELS", "two projections are called %q", one.Name())
		}
		seen[one.Name()] = true
	}
	for _, one := range all {
		for _, need := range one.Definition().Needs {
			if !seen[need] {
				p.Add("READ_MODELS", "%q needs %q", one.Name(), need)
			}
		}
	}
}
