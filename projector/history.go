package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// readRange hands over the messages from to to, both included, in the stream's order. Numbers that are gone are passed over.
func (s *session) readRange(ctx context.Context, stream jetstream.Stream, from, to uint64, each func(*message) error) error {
	if from > to {
		return nil
	}
	if gone, err := s.nothingUpTo(ctx, stream, from, to); gone || err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
	})
	if err != nil {
		return s.orDenied(fmt.Errorf("open consumer on %s: %w", s.stream, err))
	}
	messages, err := consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return s.orDenied(fmt.Errorf("read from %s: %w", s.stream, err))
	}
	defer messages.Stop()
	stopped := context.AfterFunc(ctx, messages.Stop)
	defer stopped()
	for {
		msg, err := messages.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue
		case err != nil:
			return fmt.Errorf("read from %s: %w", s.stream, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read position of a message: %w", err)
		}
		if meta.Sequence.Stream > to {
			return nil
		}
		if err := each(parseMessage(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream)); err != nil {
			return err
		}
		// With nothing behind it, this is the last one, even if the numbers up to the end are gone.
		if meta.Sequence.Stream == to || meta.NumPending == 0 {
			return nil
		}
	}
}

// nothingUpTo reports whether no message is left in the range.
func (s *session) nothingUpTo(ctx context.Context, stream jetstream.Stream, from, to uint64) (bool, error) {
	m, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(s.filter()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	if err != nil {
		return false, s.orDenied(fmt.Errorf("read message %d of %s: %w", from, s.stream, err))
	}
	return m.Sequence > to, nil
}

func (s *session) filter() string { return "clerk." + s.config.Instance + ".>" }

// entityHistory is every message about one entity up to a sequence, in the stream's order. It asks for one after the other: a reader may not
// have a filtered consumer, and an entity has few.
func (s *session) entityHistory(ctx context.Context, stream jetstream.Stream, object, id string, upTo uint64) ([]*message, error) {
	subject := fmt.Sprintf("clerk.%s.%s.%s.*", s.config.Instance, object, id)
	var history []*message
	for next := uint64(1); next <= upTo; {
		raw, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, s.orDenied(fmt.Errorf("read history of %s from %d: %w", id, next, err))
		}
		if raw.Sequence > upTo {
			break
		}
		history = append(history, parseMessage(raw.Subject, raw.Header, raw.Data, raw.Sequence))
		next = raw.Sequence + 1
	}
	return history, nil
}
