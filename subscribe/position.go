package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// Position is a place on a stream. The zero value is FromNow.
type Position struct {
	sequence uint64
	at       time.Time
}

// FromNow is behind the last message there is.
func FromNow() Position { return Position{} }

// FromBeginning is the first message there is.
func FromBeginning() Position { return FromSequence(1) }

// FromSequence is the message with this sequence, or the next there is.
func FromSequence(sequence uint64) Position { return Position{sequence: max(sequence, 1)} }

// FromTime is the first message that the stream took at this time or later. That is the stream's time, not Clerk's.
func FromTime(at time.Time) Position { return Position{at: at} }

// sequenceIn finds the position in a stream.
func (p Position) sequenceIn(ctx context.Context, js jetstream.JetStream, name string) (uint64, error) {
	if p.sequence > 0 {
		return p.sequence, nil
	}
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", name, err)
	}
	if p.at.IsZero() {
		return stream.CachedInfo().State.LastSeq + 1, nil
	}
	// Only a consumer knows the sequence of a time. This one reads nothing.
	probe, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &p.at,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return 0, fmt.Errorf("find %s in %s: %w", p.at.Format(time.RFC3339Nano), name, err)
	}
	info := probe.CachedInfo()
	// It would go by itself after a minute.
	_ = stream.DeleteConsumer(ctx, info.Name)
	return info.Delivered.Stream + 1, nil
}

var (
	// ErrForward says that a reset would skip events that were not handled yet. Reset goes back only.
	ErrForward = errors.New("reset would skip events")
	// ErrForeignConsumer says that there is a consumer of the service's name that was not made by a group.
	ErrForeignConsumer = errors.New("consumer was not made for handlers")
)

// Reset moves a service's group back to a position, and returns its sequence: everything from there on comes again, what is in hand at the moment
// included. Handlers made with On do everything again; those made with InTx do nothing for what their inbox knows. The group may be running or not.
// Nothing is lost: a position ahead of what was acknowledged is refused with ErrForward. It needs nats-server 2.14 or newer.
func Reset(ctx context.Context, js jetstream.JetStream, instance, service string, to Position) (sequence uint64, err error) {
	name := broker.StreamName(instance)
	if sequence, err = to.sequenceIn(ctx, js, name); err != nil {
		return 0, err
	}
	consumer, err := js.Consumer(ctx, name, service)
	if err != nil {
		return 0, fmt.Errorf("look up consumer %s of %s: %w", service, name, err)
	}
	info := consumer.CachedInfo()
	start, err := startOf(info)
	if err != nil {
		return 0, err
	}
	if next := info.AckFloor.Stream + 1; sequence > next {
		return 0, fmt.Errorf("%w: consumer %s is at %d and the position is %d", ErrForward, service, next, sequence)
	}
	if sequence < start {
		// First the lower start, or a group that starts between the two steps would go back up to the old one. If we crash here nothing has moved.
		c := info.Config
		c.Metadata[metaStart] = strconv.FormatUint(sequence, 10)
		if _, err := js.UpdateConsumer(ctx, name, c); err != nil {
			return 0, fmt.Errorf("update consumer %s: %w", service, err)
		}
	}
	if _, err := js.ResetConsumerToSequence(ctx, name, service, sequence); err != nil {
		return 0, fmt.Errorf("reset consumer %s to %d: %w", service, sequence, err)
	}
	return sequence, nil
}

// metaStart is the name under which a consumer's metadata say where its group begins.
const metaStart = "clerkstream-start"

func startOf(info *jetstream.ConsumerInfo) (uint64, error) {
	start, err := strconv.ParseUint(info.Config.Metadata[metaStart], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s of %s", ErrForeignConsumer, info.Name, info.Stream)
	}
	return start, nil
}
