package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

const (
	// lookWithin bounds one look at one stream, monitoring endpoints aside, which have a bound of their own.
	lookWithin = 5 * time.Second
	// While an instance is unfit the operator is waiting for us to notice the repair; otherwise a look is for what changed silently.
	lookAgain, lookSeldom = time.Second, 30 * time.Second
)

var (
	// errPayload is a broker whose max_payload does not hold the bodies we would accept.
	errPayload = errors.New("broker takes too small messages")
	// errNotDurable is a right stream that promises less than is required.
	errNotDurable = errors.New("stream is not durable enough")
)

// preflight looks whether appends mean what a 2xx promises: the right stream, wide enough, and as durable as required. It looks at the
// start, at each reconnect, when appends fail oddly, and now and then. One goroutine runs it.
type preflight struct {
	nc        *nats.Conn
	js        jetstream.JetStream
	instances []*instance
	monitors  []string
	replicas  int  // required
	fsync     bool // required
	bodyBytes int64
	log       *slog.Logger

	changed chan struct{} // capacity 1: look now
	sample  rate.Sometimes

	passed bool // every stream was right once: from here on a wrong one is an outage, not a mistake in the set-up
	known  map[*instance]broker.Durability
}

// suspect asks for a look soon. It is called for every failed append and acts at most once a second.
func (p *preflight) suspect() { p.sample.Do(func() { kick(p.changed) }) }

func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run looks until ctx ends and then returns nil. It returns an error only when the first real look finds a stream missing or different,
// or too small a max_payload: a service that was set up wrong shall say so and stop, where waiting would hide it.
func (p *preflight) run(ctx context.Context) error {
	for {
		wait := lookSeldom
		if p.nc.IsConnected() {
			fit, err := p.look(ctx)
			if err != nil {
				return err
			}
			if !fit {
				wait = lookAgain
			}
		} else {
			p.away()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-p.changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// away: a broker that comes back may be another one. What was required of it is unknown until the next look.
func (p *preflight) away() {
	if p.replicas == 0 && !p.fsync {
		return
	}
	for _, in := range p.instances {
		if in.unfit.Load() == nil {
			in.setUnfit("durability unknown while the broker is away")
		}
	}
}

// look checks every instance. The error is not nil only as run says.
func (p *preflight) look(ctx context.Context) (fit bool, fatal error) {
	fit = true
	passed := true
	var wrong []error
	for _, in := range p.instances {
		err := p.check(ctx, in)
		if ctx.Err() != nil || err != nil && !p.nc.IsConnected() {
			return false, nil //nolint:nilerr // the look itself was cut off; it says nothing about the stream
		}
		if err == nil {
			if in.setUnfit("") {
				p.log.InfoContext(ctx, "instance ready", "instance", in.name, "stream", in.stream)
			}
			continue
		}
		fit = false
		passed = passed && errors.Is(err, errNotDurable)
		if setUpWrong(err) {
			wrong = append(wrong, fmt.Errorf("instance %s: %w", in.name, err))
		}
		if in.setUnfit(err.Error()) {
			p.log.ErrorContext(ctx, "instance not ready", "instance", in.name, "stream", in.stream, "error", err)
		}
	}
	if !p.passed && len(wrong) > 0 {
		return false, errors.Join(wrong...)
	}
	p.passed = p.passed || passed
	return fit, nil
}

func setUpWrong(err error) bool {
	return errors.Is(err, broker.ErrStreamMissing) || errors.Is(err, broker.ErrStreamDiffers) || errors.Is(err, errPayload)
}

func (p *preflight) check(ctx context.Context, in *instance) error {
	if have, need := p.nc.MaxPayload(), p.bodyBytes+events.MaxHeaderBytes; have < need {
		return fmt.Errorf("%w: max_payload of the server is %d bytes, MAX_BODY_BYTES=%d needs %d with headers: raise the one or lower the other",
			errPayload, have, p.bodyBytes, need)
	}
	opening, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	if _, err := broker.Open(opening, p.js, in.name); err != nil {
		return err
	}
	return p.durability(ctx, in)
}

// durability reports what the broker promises and holds it against what is required.
func (p *preflight) durability(ctx context.Context, in *instance) error {
	d, err := broker.DurabilityOf(ctx, p.js, in.stream, p.monitors, nil)
	if err != nil {
		return err
	}
	in.metrics.replicas.Set(float64(d.Replicas))
	in.metrics.fileStorage.Set(number(d.Storage == "file"))
	for state, gauge := range in.metrics.fsync {
		gauge.Set(number(state == d.Fsync))
	}
	if old, seen := p.known[in]; !seen || old.Replicas != d.Replicas || old.Storage != d.Storage || old.Fsync != d.Fsync {
		p.known[in] = d
		p.log.InfoContext(ctx, "stream durability", "instance", in.name, "stream", in.stream, "replicas", d.Replicas, "storage", d.Storage,
			"fsync", d.Fsync, "sync_interval", d.SyncInterval.String(), "peers", d.Peers, "unknown_peers", d.Unknown, "problems", d.Problems)
	}
	var below []string
	if d.Replicas < p.replicas {
		below = append(below, fmt.Sprintf("%d replicas, REQUIRE_REPLICAS=%d", d.Replicas, p.replicas))
	}
	if p.fsync && d.Fsync != broker.FsyncAlways {
		below = append(below, fmt.Sprintf("fsync is %s, REQUIRE_FSYNC wants %s%s", d.Fsync, broker.FsyncAlways, because(d.Problems)))
	}
	if len(below) > 0 {
		return fmt.Errorf("%w: %s: %s", errNotDurable, in.stream, strings.Join(below, "; "))
	}
	return nil
}

func because(problems []string) string {
	if len(problems) == 0 {
		return ""
	}
	return " (" + strings.Join(problems, "; ") + ")"
}
