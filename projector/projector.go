package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/projections"
)

// Projector keeps every generation current that its projections made: the live one, and beside it one that is about to become live or was until
// lately.
type Projector struct {
	config  Config
	hash    string // of the projections' definitions
	stream  string
	metrics *metricSet

	mu        sync.Mutex
	state     State
	why       string
	followers map[int]*follower
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

// rank orders the states by how much they are in need of a person.
func (s State) rank() int {
	return slices.Index([]State{StateLeading, StateStandby, StateStarting, StateWaiting, StateStopped}, s)
}

// New checks the configuration; the error lists every problem. It connects to nothing yet.
func New(c Config) (*Projector, error) {
	c = c.withDefaults()
	var problems settings.Problems
	if c.validate(&problems); problems.Err() != nil {
		return nil, problems.Err()
	}
	return &Projector{
		config: c, hash: projections.Hash(c.Projections), stream: broker.StreamName(c.Instance), metrics: newMetrics(c.Metrics, c.Service),
		state: StateStarting, followers: map[int]*follower{},
	}, nil
}

// Run is New and Projector.Run in one.
func Run(ctx context.Context, c Config) error {
	p, err := New(c)
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

// Run projects until ctx ends, then finishes the batches in hand and returns nil. While Postgres or the broker is away it waits and tries again; it
// returns early only for what waiting cannot mend, with one of this package's errors or broker's or schema's. It may be called once.
func (p *Projector) Run(ctx context.Context) error {
	nc, js, err := p.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return p.lead(running, group, js) })
	err = group.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	p.enter(StateStopped, why)
	return err
}

// connect opens the broker's connection, whose changes every follower hears of.
func (p *Projector) connect() (*nats.Conn, jetstream.JetStream, error) {
	nc, err := p.config.nats().Connect(settings.ConnectOptions{
		Name: "clerkstream projector " + p.config.Service, Log: p.config.Log, Changed: p.brokerChanged, Failed: p.brokerFailed,
	})
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("open jetstream: %w", err)
	}
	return nc, js, nil
}

// lead starts a follower for each generation of ours that appears, until ctx ends or one of them gives up.
func (p *Projector) lead(ctx context.Context, group *errgroup.Group, js jetstream.JetStream) error {
	r := &roster{Projector: p}
	defer r.close(ctx)
	pause := newPause()
	for {
		wait := rosterEvery
		own, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fatal(err):
			return err
		case err != nil:
			p.enter(StateWaiting, err.Error())
			wait = pause.NextBackOff()
		default:
			pause.Reset()
			p.enter(StateLeading, "")
			for _, g := range own {
				p.follow(ctx, group, js, g)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func newPause() *backoff.ExponentialBackOff {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 100*time.Millisecond, 5*time.Second
	return pause
}

func (p *Projector) follow(ctx context.Context, group *errgroup.Group, js jetstream.JetStream, g generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.followers[g.number] != nil {
		return
	}
	f := newFollower(p, g)
	p.followers[g.number] = f
	group.Go(func() error {
		err := f.run(ctx, js)
		p.mu.Lock()
		delete(p.followers, g.number)
		p.mu.Unlock()
		f.metrics.drop()
		return err
	})
}

func (p *Projector) brokerChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.followers {
		wake(f.reconnected)
	}
}

// brokerFailed hears what the broker says outside of any request. A subject that may not be used shows only here: the request itself just
// never gets an answer.
func (p *Projector) brokerFailed(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.followers {
		select {
		case f.denied <- fmt.Errorf("%w by the broker: %w", ErrNotPermitted, err):
		default:
		}
	}
}

// NotReady lists the reasons why a read model is not being kept current; none while each generation is led from here or stood by for.
func (p *Projector) NotReady() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != StateLeading {
		return []string{reasonOf(p.state, p.why)}
	}
	var reasons []string
	for _, f := range p.followers {
		if f.state != StateLeading && f.state != StateStandby {
			reasons = append(reasons, reasonOf(f.state, f.why))
		}
	}
	return reasons
}

func reasonOf(s State, why string) string {
	if why == "" {
		return string(s)
	}
	return string(s) + ": " + why
}

// State is what the projector is doing now; with several generations, what it does for the one that is worst off.
func (p *Projector) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != StateLeading {
		return p.state
	}
	if len(p.followers) == 0 {
		return StateStarting
	}
	worst := StateLeading
	for _, f := range p.followers {
		if f.state.rank() > worst.rank() {
			worst = f.state
		}
	}
	return worst
}

func (p *Projector) enter(s State, why string) {
	p.mu.Lock()
	changed := p.state != s || p.why != why
	p.state, p.why = s, why
	p.mu.Unlock()
	if changed && s != StateLeading { // the followers tell of leading
		p.report(s, why)
	}
}

func (p *Projector) report(s State, why string, more ...any) {
	log := p.config.Log.Info
	if s == StateWaiting {
		log = p.config.Log.Warn
	}
	log("projector: "+string(s), append(more, "service", p.config.Service, "stream", p.stream, "reason", why)...)
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
