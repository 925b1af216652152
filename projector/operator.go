package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Operator carries out what a person, or a deployment, decides about a service's read model: its methods are the verbs of the projector's
// binary. Each verb opens the connections to Postgres that it needs and leaves nothing behind when it fails. An Operator may be used by one
// goroutine at a time.
type Operator struct {
	*Projector
	nc *nats.Conn
	js jetstream.JetStream
}

// ErrBrokerAway is returned when no broker could be reached in time: a verb, unlike a projector, does not wait for ever.
var ErrBrokerAway = errors.New("broker is away")

// NewOperator checks the configuration and connects to the broker, for at most ten seconds. Close it.
func NewOperator(ctx context.Context, c Config) (*Operator, error) {
	p, err := New(c)
	if err != nil {
		return nil, err
	}
	o := &Operator{Projector: p}
	if o.nc, o.js, err = p.connect(); err != nil {
		return nil, err
	}
	deadline := time.After(connectTimeout)
	for !o.nc.IsConnected() {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-deadline:
			err = ErrBrokerAway
		case <-time.After(20 * time.Millisecond):
			continue
		}
		o.nc.Close()
		return nil, err
	}
	return o, nil
}

// Close ends the broker's connection.
func (o *Operator) Close() { o.nc.Close() }

// attach opens a session on a generation without asking for its lock: to read, or to write under the checkpoint's row lock. Close it.
func (o *Operator) attach(ctx context.Context, g generation) (*session, jetstream.Stream, error) {
	s := o.sessionOn(g)
	if err := s.connect(ctx); err != nil {
		return nil, nil, err
	}
	stream, err := s.recover(ctx)
	if err != nil {
		s.close(ctx)
		return nil, nil, err
	}
	return s, stream, nil
}

func (o *Operator) sessionOn(g generation) *session {
	return &session{follower: newFollower(o.Projector, g), js: o.js}
}

// liveGeneration is the one that readers see, if these projections made it.
func (o *Operator) liveGeneration(ctx context.Context, q queryer) (generation, error) {
	own, _, err := o.ownGenerations(ctx, q)
	if err != nil {
		return generation{}, err
	}
	for _, g := range own {
		if g.state == stateLive {
			return g, nil
		}
	}
	return generation{}, fmt.Errorf("%w: the live generation of service %s was made by others", ErrDefinition, o.config.Service)
}
