package testkit

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

// Data is the data of a webhook body.
type Data = map[string]any

// Body builds a webhook body. data gets created_at and updated_at from at where it has none.
func Body(typ string, at time.Time, data Data) []byte {
	full := Data{"created_at": at.UnixMilli(), "updated_at": at.UnixMilli()}
	maps.Copy(full, data)
	body, err := json.Marshal(Data{"type": typ, "object": "event", "timestamp": at.UnixMilli() + 5, "data": full})
	if err != nil {
		panic(err)
	}
	return body
}

// Publish appends a webhook body as ingest would, under the delivery's id, and returns its sequence.
func (l *Log) Publish(t testing.TB, id string, body []byte) uint64 {
	t.Helper()
	return l.PublishEvent(t, l.Event(id, body))
}

// Event makes the event that ingest would make of a body received now.
func (l *Log) Event(id string, body []byte) events.Event {
	e, _ := events.New(events.Intake{ID: id, Instance: l.Instance, Source: events.SourceWebhook, Received: time.Now()}, body)
	return e
}

// PublishEvent appends an event and returns its sequence.
func (l *Log) PublishEvent(t testing.TB, e events.Event) uint64 {
	t.Helper()
	return l.PublishMessage(t, Message(e))
}

// PublishMessage appends a message as it is and returns its sequence.
func (l *Log) PublishMessage(t testing.TB, m *nats.Msg) uint64 {
	t.Helper()
	ack, err := l.JS.PublishMsg(t.Context(), m, jetstream.WithExpectStream(broker.StreamName(l.Instance)))
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

// Message is the message that ingest would publish for an event.
func Message(e events.Event) *nats.Msg {
	return &nats.Msg{Subject: e.Subject(), Header: nats.Header(e.Header()), Data: e.Body}
}
