package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/schema"
)

// Projector keeps one generation of one service current.
type Projector struct {
	config  Config
	stream  string
	metrics *metrics

	reconnected chan struct{}
	denied      chan error

	mu    sync.Mutex
	state State
	why   string
}

// State is what a projector is doing.
type State string

// The states. Only in leading and in standby is a projector ready: a standby has nothing to do until the leader goes.
const (
	StateStarting State = "starting"
	StateStandby  State = "standby"
	StateLeading  State = "leading"
	StateWaiting  State = "waiting"
	StateStopped  State = "stopped"
)

// New checks the configuration; the error lists every problem. It connects to nothing yet.
func New(c Config) (*Projector, error) {
	c = c.withDefaults()
	var problems settings.Problems
	if c.validate(&problems); problems.Err() != nil {
		return nil, problems.Err()
	}
	p := &Projector{
		config: c, stream: broker.StreamName(c.Instance), metrics: newMetrics(c.Metrics, c.Service),
		reconnected: make(chan struct{}, 1), denied: make(chan error, 1), state: StateStarting,
	}
	return p, nil
}

// Run is New and Projector.Run in one.
func Run(ctx context.Context, c Config) error {
	p, err := New(c)
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

// Run projects until ctx ends, then finishes the batch in hand and returns nil. While Postgres or the broker is away it waits and tries again; it
// returns early only for what waiting cannot mend, with one of this package's errors or broker's or schema's. It may be called once.
func (p *Projector) Run(ctx context.Context) error {
	nc, err := p.config.nats().Connect(settings.ConnectOptions{
		Name: "clerkstream projector " + p.config.Service, Log: p.config.Log,
		Changed: func() { wake(p.reconnected) }, Failed: p.asyncError,
	})
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	for {
		began := p.config.Now()
		err := p.session(ctx, js)
		if ctx.Err() != nil {
			p.enter(StateStopped, "")
			return nil
		}
		if fatal(err) || errors.Is(err, broker.ErrStreamMissing) || errors.Is(err, broker.ErrStreamDiffers) ||
			errors.Is(err, schema.ErrTooOld) || errors.Is(err, schema.ErrTooNew) {
			p.enter(StateStopped, err.Error())
			return err
		}
		if p.config.Now().Sub(began) > time.Minute {
			pause.Reset()
		}
		p.enter(StateWaiting, err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// asyncError hears what the broker says outside of any request. A subject that may not be used shows only here: the request itself just
// never gets an answer.
func (p *Projector) asyncError(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		select {
		case p.denied <- fmt.Errorf("%w by the broker: %w", ErrNotPermitted, err):
		default:
		}
	}
}

// NotReady lists the reasons why the read model is not being kept current; none while leading or standing by.
func (p *Projector) NotReady() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == StateLeading || p.state == StateStandby {
		return nil
	}
	if p.why != "" {
		return []string{string(p.state) + ": " + p.why}
	}
	return []string{string(p.state)}
}

// State is what the projector is doing now.
func (p *Projector) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// enter logs a change of state once, however often it is repeated.
func (p *Projector) enter(s State, why string) {
	p.mu.Lock()
	changed := p.state != s || p.why != why
	p.state, p.why = s, why
	p.mu.Unlock()
	if !changed {
		return
	}
	p.metrics.leading(s == StateLeading)
	log := p.config.Log.Info
	if s == StateWaiting {
		log = p.config.Log.Warn
	}
	log("projector: "+string(s), "service", p.config.Service, "stream", p.stream, "reason", why)
}

// wants lists the projections (by index) that concern the event.
func (p *Projector) wants(e *events.Event, into []int) []int {
	for i, pr := range p.config.Projections {
		if pr.Wants(e.Object, e.Verb) {
			into = append(into, i)
		}
	}
	return into
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
