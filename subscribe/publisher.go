package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// Refusals of a Publisher.
var (
	// ErrNoID: without an id JetStream cannot tell a repetition from a second message.
	ErrNoID = errors.New("message has no uuid")
	// ErrReserved: what stands on clerk.> was said by Clerk; only ingest and its siblings write there.
	ErrReserved = errors.New("subjects of clerk are not for services to publish on")
	// ErrClosed: the publisher or subscriber was closed before.
	ErrClosed = errors.New("closed")
)

// PublisherConfig is a Publisher's settings.
type PublisherConfig struct {
	// Stream must be the one that listens to the topic; another refuses the message. Default: any.
	Stream string
	// Timeout bounds the wait for one message's acknowledgement, retries included. Default: 5 s.
	Timeout time.Duration
}

// Publisher is a watermill message.Publisher on JetStream, for a service's own topics: what it makes of an event and tells others. The topic is the
// subject. Each message carries its UUID as Nats-Msg-Id, so a repetition within the stream's duplicate window is stored once; its metadata are the
// headers; the trace context of its context goes along. It is safe for concurrent use.
//
// The connection is the service's own; the users of deploy/nats cannot publish anything.
type Publisher struct {
	js     jetstream.JetStream
	config PublisherConfig
	closed atomic.Bool
}

// NewPublisher returns a Publisher on js. The connection stays the caller's: Close does not close it.
func NewPublisher(js jetstream.JetStream, c PublisherConfig) *Publisher {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	return &Publisher{js: js, config: c}
}

// Publish stores the messages one after the other and returns when the stream has acknowledged each. After an error those before the failed message are
// stored, that one perhaps, those behind it not: publishing all of them again is safe, since they keep their ids. The message's context is obeyed.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if topic == "clerk" || strings.HasPrefix(topic, "clerk.") {
		return fmt.Errorf("publish on %s: %w", topic, ErrReserved)
	}
	for _, m := range messages {
		if err := p.publish(topic, m); err != nil {
			return fmt.Errorf("publish message %s on %s: %w", m.UUID, topic, err)
		}
	}
	return nil
}

func (p *Publisher) publish(topic string, m *message.Message) error {
	if p.closed.Load() {
		return ErrClosed
	}
	if m.UUID == "" {
		return ErrNoID
	}
	ctx, cancel := context.WithTimeout(m.Context(), p.config.Timeout)
	defer cancel()
	var options []jetstream.PublishOpt
	if p.config.Stream != "" {
		options = append(options, jetstream.WithExpectStream(p.config.Stream))
	}
	_, err := p.js.PublishMsg(ctx, &nats.Msg{Subject: topic, Header: headerOf(m), Data: m.Payload}, options...)
	return err
}

// headerOf drops what belongs to the message that this one was made from: its place in another stream, and orders to the broker.
func headerOf(m *message.Message) nats.Header {
	h := nats.Header{}
	for name, value := range m.Metadata {
		if !strings.HasPrefix(strings.ToLower(name), "nats-") {
			h[name] = []string{value}
		}
	}
	h[events.HeaderMessageID] = []string{m.UUID}
	if trace := TraceParent(m.Context()); trace != "" && h[events.HeaderTraceParent] == nil {
		h[events.HeaderTraceParent] = []string{trace}
	}
	return h
}

// Close makes later calls of Publish fail. Every message was acknowledged before its Publish returned, so there is nothing to wait for.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}
