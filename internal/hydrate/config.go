package hydrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/events"
)

// ErrAbsent is Fetch's word for an object that Clerk does not have.
var ErrAbsent = errors.New("clerk has no such object")

// Config is what a Server needs. Conn, Instance and Fetch are required.
type Config struct {
	// Conn is the broker's, as the user watch of deploy/nats. The caller closes it, after Run.
	Conn *nats.Conn
	// Instance is the Clerk environment whose objects are fetched.
	Instance string
	// Fetch reads one object from Clerk now, publishes it, and returns the sequence by which the stream tells of it. An error that wraps ErrAbsent means
	// that there is none. The kinds and ids are those that wire.Request lets pass. It is called by Workers goroutines, once at a time for an object.
	Fetch func(ctx context.Context, kind, id string) (sequence uint64, err error)

	// Workers is how many objects are fetched at a time. Default: 32, which at 100 ms a call is more than Clerk's budget for production has.
	Workers int
	// Queue bounds the objects that wait for a worker. Default: 2000, the calls of 20 s.
	Queue int
	// Askers bounds the requests that wait for an answer. Default: 20000, at some 200 bytes each.
	Askers int
	// FetchTimeout bounds one Fetch, and how long an object may wait for its turn. Default: 8 s, for a lookup of a directory has 10 s.
	FetchTimeout time.Duration
	// Remember is how long an answer is given again without asking Clerk. Default: 10 s.
	Remember time.Duration
	// Remembered bounds how many answers are remembered. Default: 10000, at some 300 bytes each.
	Remembered int

	// Log gets failures, sampled: kinds and ids, never more of an object. Default: discard.
	Log *slog.Logger
	// Metrics gets the collectors. Default: none.
	Metrics prometheus.Registerer
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	switches switches
}

// switches turn one guard each off, so that tests can prove that it guards something. The zero value is production.
type switches struct {
	eachAlone bool // every request is a call of its own
	forgetful bool // no answer is remembered
}

func (c Config) withDefaults() Config {
	setDefault(&c.Workers, 32)
	setDefault(&c.Queue, 2000)
	setDefault(&c.Askers, 20_000)
	setDefault(&c.FetchTimeout, 8*time.Second)
	setDefault(&c.Remember, 10*time.Second)
	setDefault(&c.Remembered, 10_000)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate reports everything that is wrong.
func (c Config) validate() error {
	var wrong []error
	if c.Conn == nil {
		wrong = append(wrong, errors.New("a Conn is missing"))
	}
	if c.Fetch == nil {
		wrong = append(wrong, errors.New("a Fetch is missing"))
	}
	if !events.IsToken(c.Instance) {
		wrong = append(wrong, fmt.Errorf("the Instance %q is not [A-Za-z0-9_-]+", c.Instance))
	}
	for _, bound := range []struct {
		name  string
		value int64
	}{
		{"Workers", int64(c.Workers)}, {"Queue", int64(c.Queue)}, {"Askers", int64(c.Askers)}, {"Remembered", int64(c.Remembered)},
		{"FetchTimeout", int64(c.FetchTimeout)}, {"Remember", int64(c.Remember)},
	} {
		if bound.value < 0 {
			wrong = append(wrong, fmt.Errorf("%s is negative", bound.name))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("hydrate: %w", err)
	}
	return nil
}
