package projector

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// follower keeps one generation current: it begins a session, and after each error another one.
type follower struct {
	*Projector
	generation generation
	metrics    *metrics

	reconnected chan struct{}
	denied      chan error

	// Guarded by the projector's mutex.
	state State
	why   string
}

func newFollower(p *Projector, g generation) *follower {
	return &follower{
		Projector: p, generation: g, metrics: p.metrics.of(g.number),
		reconnected: make(chan struct{}, 1), denied: make(chan error, 1), state: StateStarting,
	}
}

// run ends with nil when the generation was retired, and with an error only for what waiting cannot mend.
func (f *follower) run(ctx context.Context, js jetstream.JetStream) error {
	pause := newPause()
	for {
		began := f.config.Now()
		err := f.session(ctx, js)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errRetired):
			f.enter(StateStopped, err.Error())
			return nil
		case fatal(err):
			f.enter(StateStopped, err.Error())
			return err
		}
		if f.config.Now().Sub(began) > time.Minute {
			pause.Reset()
		}
		f.enter(StateWaiting, err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// enter logs a change of state once, however often it is repeated.
func (f *follower) enter(s State, why string) {
	f.mu.Lock()
	changed := f.state != s || f.why != why
	f.state, f.why = s, why
	f.mu.Unlock()
	if !changed {
		return
	}
	f.metrics.leading(s == StateLeading)
	f.report(s, why, "generation", f.generation.number)
}
