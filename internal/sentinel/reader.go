package sentinel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

const (
	// pullMessages bounds what the broker sends ahead; headers of a message are about a kilobyte.
	pullMessages = 1000
	// pullHeartbeat is after how long without a word the client starts the consumer anew.
	pullHeartbeat = 5 * time.Second
	// lookWithin bounds one look at the stream.
	lookWithin = 5 * time.Second
	// again is the pause before the stream is opened again after an error.
	again = time.Second
)

// reader reads the headers of everything on the stream, in its order, and without a filter, which could not be granted. The broker keeps no position for us:
// after a restart the past is read again, from a time.
type reader struct {
	js       jetstream.JetStream
	stream   string
	each     func(typ, entity string, source events.Source, arrived time.Time)
	position atomic.Uint64 // sequence of the last message read
	moved    atomic.Int64  // when it was read, in nanoseconds of the process' own clock
	restart  atomic.Pointer[context.CancelFunc]
	began    time.Time // by which idleness is measured
}

func newReader(js jetstream.JetStream, instance string, each func(string, string, events.Source, time.Time)) *reader {
	return &reader{js: js, stream: broker.StreamName(instance), each: each, began: time.Now()}
}

// run reads until ctx ends. Every error is tried again: that the stream cannot be read is itself what the sentinel reports.
func (r *reader) run(ctx context.Context, from time.Time, trouble func(error)) {
	for {
		reading, cancel := context.WithCancel(ctx)
		r.restart.Store(&cancel)
		err := r.read(reading, from)
		cancel()
		if ctx.Err() != nil {
			return
		}
		trouble(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

func (r *reader) read(ctx context.Context, from time.Time) error {
	config := jetstream.OrderedConsumerConfig{HeadersOnly: true, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from}
	if position := r.position.Load(); position > 0 {
		config = jetstream.OrderedConsumerConfig{
			HeadersOnly: true, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: position + 1,
		}
	}
	opening, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	consumer, err := r.js.OrderedConsumer(opening, r.stream, config)
	if err != nil {
		return fmt.Errorf("open consumer on %s: %w", r.stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(pullMessages), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return fmt.Errorf("read from %s: %w", r.stream, err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue
		case err != nil:
			return fmt.Errorf("read from %s: %w", r.stream, err)
		}
		if err := r.take(m); err != nil {
			return err
		}
	}
}

func (r *reader) take(m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read position of a message: %w", err)
	}
	var typ, entity string
	// What is not routed names no type that could be believed.
	if s, err := events.ParseSubject(m.Subject()); err == nil {
		typ, entity = s.Object+"."+s.Verb, s.EntityID
	}
	r.each(typ, entity, events.Source(m.Headers().Get(events.HeaderOrigin)), meta.Timestamp)
	r.position.Store(meta.Sequence.Stream)
	r.moved.Store(int64(time.Since(r.began)))
	return nil
}

// rewind begins anew, on a stream that was made anew: its sequences are others.
func (r *reader) rewind() {
	r.position.Store(0)
	if restart := r.restart.Load(); restart != nil {
		(*restart)()
	}
}

// idle is how long nothing was read.
func (r *reader) idle() time.Duration { return time.Since(r.began) - time.Duration(r.moved.Load()) }

// look asks how the stream is now.
func (r *reader) look(ctx context.Context) (jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	stream, err := r.js.Stream(ctx, r.stream)
	if err != nil {
		return jetstream.StreamInfo{}, fmt.Errorf("look at %s: %w", r.stream, err)
	}
	return *stream.CachedInfo(), nil
}
