package subscribe

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// ownStream is a stream of the service's own.
func (b *bed) ownStream(t *testing.T, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	c.Name, c.Subjects, c.Storage = "OWN_"+b.Instance, []string{b.Instance + ".own.>"}, jetstream.MemoryStorage
	stream, err := b.JS.CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestAPublishedMessageIsStoredOnceUnderItsID(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	stream := b.ownStream(t, jetstream.StreamConfig{})
	p := NewPublisher(b.JS, PublisherConfig{Stream: "OWN_" + b.Instance})
	m := message.NewMessage("order_1", []byte("hello"))
	m.Metadata["kind"] = "greeting"
	// Left over from a message that came from another stream.
	m.Metadata[events.HeaderMessageID], m.Metadata[MetaSequence], m.Metadata["Nats-TTL"] = "prod:msg_1", "7", "1s"
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	m.SetContext(withTrace(t.Context(), map[string]string{events.HeaderTraceParent: trace}))
	for range 2 {
		if err := p.Publish(b.Instance+".own.made", m); err != nil {
			t.Fatal(err)
		}
	}
	info, err := stream.Info(t.Context())
	if err != nil || info.State.Msgs != 1 {
		t.Fatalf("%d messages stored: %v", info.State.Msgs, err)
	}
	stored, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := nats.Header{events.HeaderMessageID: {"order_1"}, "kind": {"greeting"}, events.HeaderTraceParent: {trace}, jetstream.ExpectedStreamHeader: {"OWN_" + b.Instance}}
	if string(stored.Data) != "hello" || len(stored.Header) != len(want) {
		t.Errorf("stored %q with %v", stored.Data, stored.Header)
	}
	for name := range want {
		if stored.Header.Get(name) != want.Get(name) {
			t.Errorf("%s is %q, want %q", name, stored.Header.Get(name), want.Get(name))
		}
	}
}

func TestPublishFailsWhenNoStreamAcknowledges(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	b.ownStream(t, jetstream.StreamConfig{MaxMsgs: 1, Discard: jetstream.DiscardNew})
	p := NewPublisher(b.JS, PublisherConfig{})
	topic := b.Instance + ".own.made"
	if err := p.Publish(topic, message.NewMessage("1", nil)); err != nil {
		t.Fatal(err)
	}
	// The broker takes the message from the wire and refuses to store it.
	if err := p.Publish(topic, message.NewMessage("2", nil)); err == nil {
		t.Error("a full stream was not noticed")
	}
	if err := p.Publish(b.Instance+".nowhere", message.NewMessage("3", nil)); err == nil {
		t.Error("a subject without a stream was not noticed")
	}
	other := NewPublisher(b.JS, PublisherConfig{Stream: b.stream()})
	if err := other.Publish(topic, message.NewMessage("4", nil)); err == nil {
		t.Error("another stream took the message")
	}
}

func TestPublishObeysTheMessagesContext(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	// Somebody listens and never answers.
	topic := b.Instance + ".silence"
	if _, err := b.JS.Conn().SubscribeSync(topic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		config PublisherConfig
		ctx    context.Context
		want   error
	}{
		"its end":               {PublisherConfig{Timeout: time.Hour}, ctx, context.Canceled},
		"the publisher's limit": {PublisherConfig{Timeout: 50 * time.Millisecond}, t.Context(), context.DeadlineExceeded},
	} {
		m := message.NewMessage("1", nil)
		m.SetContext(tc.ctx)
		if err := NewPublisher(b.JS, tc.config).Publish(topic, m); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestWhatAServiceMayNotPublish(t *testing.T) {
	t.Parallel()
	b := newLog(t)
	p := NewPublisher(b.JS, PublisherConfig{})
	if err := p.Publish("clerk."+b.Instance+".user.user_1.banned", message.NewMessage("1", nil)); !errors.Is(err, ErrReserved) {
		t.Errorf("in Clerk's name: %v", err)
	}
	if err := p.Publish("own.made", message.NewMessage("", nil)); !errors.Is(err, ErrNoID) {
		t.Errorf("without an id: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish("own.made", message.NewMessage("1", nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("behind Close: %v", err)
	}
}
