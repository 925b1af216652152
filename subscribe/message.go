package subscribe

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// The names under which a message's metadata holds what NATS knows of it, beside its headers, which keep their names.
const (
	MetaSubject    = "nats-subject"
	MetaStream     = "nats-stream"
	MetaSequence   = "nats-sequence"   // in the stream, decimal
	MetaDeliveries = "nats-deliveries" // how often it was delivered, this time included, decimal
	MetaStored     = "nats-stored"     // when the stream took it, RFC 3339
)

// toMessage never fails for what is inside a message: whatever cannot be read is for the handlers' side to find and to put aside.
func toMessage(raw jetstream.Msg, meta *jetstream.MsgMetadata) *message.Message {
	id := raw.Headers().Get(events.HeaderMessageID)
	if id == "" {
		id = meta.Stream + ":" + strconv.FormatUint(meta.Sequence.Stream, 10)
	}
	m := message.NewMessage(id, raw.Data())
	for name, values := range raw.Headers() {
		// Metadata has one value for each name, and so has every header that means anything to us.
		if len(values) > 0 {
			m.Metadata[name] = values[0]
		}
	}
	// Last, so that no header can pass itself off as them.
	m.Metadata[MetaSubject] = raw.Subject()
	m.Metadata[MetaStream] = meta.Stream
	m.Metadata[MetaSequence] = strconv.FormatUint(meta.Sequence.Stream, 10)
	m.Metadata[MetaDeliveries] = strconv.FormatUint(meta.NumDelivered, 10)
	m.Metadata[MetaStored] = meta.Timestamp.UTC().Format(time.RFC3339Nano)
	return m
}

// EventOf reads the event that a Subscriber's message carries. The result shares the message's payload.
func EventOf(m *message.Message) (events.Event, error) {
	header := make(map[string][]string, len(m.Metadata))
	for name, value := range m.Metadata {
		header[name] = []string{value}
	}
	return events.FromMessage(m.Metadata[MetaSubject], header, m.Payload)
}

// typeOf is the event type that a message's subject names, or empty: it needs no decoding, and a broken message has it too.
func typeOf(m *message.Message) string {
	s, err := events.ParseSubject(m.Metadata[MetaSubject])
	if err != nil {
		return ""
	}
	return s.Object + "." + s.Verb
}

func sequenceOf(m *message.Message) uint64 {
	n, _ := strconv.ParseUint(m.Metadata[MetaSequence], 10, 64) // our own writing
	return n
}

func deliveriesOf(m *message.Message) int {
	n, _ := strconv.Atoi(m.Metadata[MetaDeliveries]) // our own writing
	return n
}

// laneOf is what is handled one at a time: an entity. What is no event is ordered by its subject.
func laneOf(subject string) string {
	if s, err := events.ParseSubject(subject); err == nil {
		return s.Object + "." + s.EntityID
	}
	return subject
}

// describe names a message in a log without a word of what is in it.
func describe(m *jetstream.MsgMetadata) string {
	return fmt.Sprintf("%s:%d", m.Stream, m.Sequence.Stream)
}
