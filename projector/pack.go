package projector

import (
	"encoding/binary"
	"time"

	"github.com/clerkstream/clerkstream/events"
)

// A packed message is its parts one after the other, each behind its length (uint32): first the entity's id and the version, by which survivors are
// compared and sorted; then the numbers; then everything else, the body last. It never leaves the process.

func packedKey(b []byte) []byte { return b[4 : 4+binary.LittleEndian.Uint32(b)] }

func packedVersion(b []byte) []byte { return packedKey(b[4+binary.LittleEndian.Uint32(b):]) }

// texts are the parts that are text, in their order.
func (m *message) texts() [8]string {
	e := &m.event
	return [...]string{e.EntityID, string(e.Version), m.id, e.ID, e.Instance, e.Object, e.Verb, string(e.Source)}
}

func (m *message) packedSize() int {
	size := 3*8 + 4 + len(m.event.Body)
	for _, t := range m.texts() {
		size += 4 + len(t)
	}
	return size
}

// pack appends m to b. Blanked and the trace stay behind: no row has them.
func (m *message) pack(b []byte) []byte {
	for _, t := range m.texts() {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(t))), t...)
	}
	b = binary.LittleEndian.AppendUint64(b, m.sequence)
	b = binary.LittleEndian.AppendUint64(b, uint64(packTime(m.event.Time)))
	b = binary.LittleEndian.AppendUint64(b, uint64(packTime(m.event.Received)))
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(m.event.Body))), m.event.Body...)
}

// unpackMessage is the message again. Its body lies in b.
func unpackMessage(b []byte) *message {
	text := func() string {
		n := 4 + binary.LittleEndian.Uint32(b)
		t := string(b[4:n])
		b = b[n:]
		return t
	}
	number := func() uint64 {
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return n
	}
	m := &message{}
	e := &m.event
	e.EntityID, e.Version, m.id, e.ID = text(), events.Version(text()), text(), text()
	e.Instance, e.Object, e.Verb, e.Source = text(), text(), text(), events.Source(text())
	e.Type = e.Object + "." + e.Verb
	m.sequence = number()
	e.Time, e.Received = unpackTime(int64(number())), unpackTime(int64(number()))
	e.Body = packedKey(b)
	return m
}

// packTime is 0 for no time. A message's times have milliseconds.
func packTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func unpackTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
