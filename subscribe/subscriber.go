package subscribe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrHandlersHang says that a handler was still running when the time for closing was over, and after its context had been cancelled. Its message comes
// again.
var ErrHandlersHang = errors.New("handlers did not end in time")

// SubscriberConfig is a Subscriber's settings.
type SubscriberConfig struct {
	// Stream has the durable consumers. Required.
	Stream string
	// Parallel is how many messages are handled at the same time in this process. Default: 1, which is one lane for all: the stream's order.
	Parallel int
	// Backoff is how long a message that was nacked stays away, by the number of its deliveries so far; the last value goes for all that follow. Default:
	// DefaultBackoff.
	Backoff []time.Duration
	// CloseTimeout is how long handlers may go on after Close before their context is cancelled. Default: 20 s.
	CloseTimeout time.Duration
	// Lane says which messages are handled one after the other, by subject. Default: those of one entity; of other subjects, those of one subject.
	Lane func(subject string) string
	// Lost is called at most once for each subscription, when it ends by itself: the consumer was deleted, reading it is not allowed, or the connection
	// is closed for good. The output channel closes behind it. Default: nothing.
	Lost func(error)
	// Log gets what goes wrong with single messages. Default: discard.
	Log *slog.Logger

	metrics *metrics
}

// DefaultBackoff is how long a nacked message stays away after its first, second… delivery. Its sum is about two hours.
func DefaultBackoff() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}
}

func (c SubscriberConfig) withDefaults() SubscriberConfig {
	if c.Parallel < 1 {
		c.Parallel = 1
	}
	if len(c.Backoff) == 0 {
		c.Backoff = DefaultBackoff()
	}
	if c.CloseTimeout == 0 {
		c.CloseTimeout = 20 * time.Second
	}
	switch {
	case c.Parallel == 1:
		c.Lane = func(string) string { return "" }
	case c.Lane == nil:
		c.Lane = laneOf
	}
	if c.Lost == nil {
		c.Lost = func(error) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.metrics == nil {
		c.metrics = newMetrics(nil, "")
	}
	return c
}

// Subscriber is a watermill message.Subscriber on durable pull consumers of JetStream. The topic is the consumer's name; the consumer must exist, with
// explicit acknowledgement.
//
// Messages of one lane are handed out one at a time in the stream's order; up to Parallel lanes go at the same time. A message counts as done when the
// broker has confirmed its ack, and only then its lane goes on. A nacked message comes again after its backoff and does not hold up its lane meanwhile.
// While a message is here, its ack deadline is moved on, however long its handler takes. It is safe for concurrent use.
type Subscriber struct {
	js     jetstream.JetStream
	config SubscriberConfig

	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup
	stop   chan struct{} // closed by Close
	kill   chan struct{} // closed when the time for closing is over
}

// NewSubscriber returns a Subscriber on js. The connection stays the caller's: Close does not close it.
func NewSubscriber(js jetstream.JetStream, c SubscriberConfig) *Subscriber {
	return &Subscriber{js: js, config: c.withDefaults(), stop: make(chan struct{}), kill: make(chan struct{})}
}

// Subscribe begins to hand out the messages of the durable consumer called topic. It ends when ctx does or by Close: then no further message is begun,
// those waiting here are handed back to the broker, those in hand come to their end, and the channel closes. The context of a message has the values of
// ctx and is not cancelled by it.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	consumer, err := s.js.Consumer(ctx, s.config.Stream, topic)
	if err != nil {
		return nil, fmt.Errorf("look up consumer %s of %s: %w", topic, s.config.Stream, err)
	}
	if c := consumer.CachedInfo().Config; c.AckPolicy != jetstream.AckExplicitPolicy {
		return nil, fmt.Errorf("consumer %s of %s has ack policy %s, not explicit", topic, s.config.Stream, c.AckPolicy)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	sub := newSubscription(ctx, s.js, consumer, s.config)
	s.open.Go(func() { sub.run(s.stop, s.kill) })
	return sub.out, nil
}

// Close ends all subscriptions as the end of their context would, and waits for them. A handler that is still running after CloseTimeout has its context
// cancelled; its message is not acknowledged and comes again.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
		// Handlers get their time, then the cancellation of their context, then as long as they need: nobody can end a goroutine from outside.
		timer := time.AfterFunc(s.config.CloseTimeout, func() { close(s.kill) })
		defer timer.Stop()
	}
	s.mu.Unlock()
	s.open.Wait()
	select {
	case <-s.kill:
		return ErrHandlersHang
	default:
		return nil
	}
}
