package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"github.com/clerkstream/clerkstream/events"
)

// message is one message of the stream on its way to a batch.
type message struct {
	sequence uint64
	event    events.Event
	id       string // Nats-Msg-Id
	size     int64
	// rejected is why the message cannot become rows, by projection; nil while it can.
	rejected map[int]rejection
	// only is the projections that a retry is for; nil is all that want the message.
	only []int
}

// budget bounds the bytes of the messages in memory. The reader takes, the writer gives back after the commit.
type budget struct{ *semaphore.Weighted }

func newBudget(bytes int64) *budget { return &budget{semaphore.NewWeighted(bytes)} }

const (
	// pullMessages and pullBytes bound what the broker sends ahead of us. Measured: 115 k messages of 2.7 KB a second at 500, 140 k at 5000.
	pullMessages = 5000
	pullBytes    = 16 << 20
	// pullHeartbeat is after how long without a word the client starts the consumer anew.
	pullHeartbeat = 2 * time.Second
)

// read hands on every message behind the checkpoint, in the stream's order and never filtered: a filter is slower, hides the position, and cannot
// be granted apart. The ordered consumer belongs to the client; the broker keeps no position for us.
func (s *session) read(ctx context.Context, b *budget, out chan<- *message) error {
	defer close(out)
	consumer, err := s.js.OrderedConsumer(ctx, s.stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.start.sequence + 1,
	})
	if err != nil {
		return s.orDenied(fmt.Errorf("open consumer on %s: %w", s.stream, err))
	}
	messages, err := consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return s.orDenied(fmt.Errorf("read from %s: %w", s.stream, err))
	}
	stopped := context.AfterFunc(ctx, messages.Stop)
	defer func() {
		stopped()
		messages.Stop()
	}()
	for {
		msg, err := messages.Next()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, jetstream.ErrNoHeartbeat) {
				continue
			}
			return fmt.Errorf("read from %s: %w", s.stream, err)
		}
		m, err := parse(msg)
		if err != nil {
			return err
		}
		if err := b.Acquire(ctx, m.size); err != nil {
			return err
		}
		select {
		case out <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// parse reads what the fold needs, all of it from subject and headers.
func parse(msg jetstream.Msg) (*message, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read position of a message: %w", err)
	}
	return parseMessage(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream), nil
}

// parseMessage never fails: what cannot be read as an event is a message to be put aside, for the reader never stops for one message.
func parseMessage(subject string, header nats.Header, body []byte, sequence uint64) *message {
	m := &message{
		sequence: sequence, id: header.Get(events.HeaderMessageID),
		// What the message costs in memory, about: body, headers and the structs around them.
		size: int64(len(body)) + 1024,
	}
	var err error
	m.event, err = events.FromMessage(subject, header, body)
	switch {
	case err != nil:
		m.reject(everywhere, rejection{reason: reasonUnreadable, detail: err.Error()})
	case m.event.Unrouted == "" && m.event.ClockAhead():
		m.reject(everywhere, rejection{reason: reasonClockAhead, detail: "version leads receipt by more than " + events.MaxClockLead.String()})
	}
	return m
}
