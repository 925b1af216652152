package clerksim

import (
	"bytes"
	"time"
)

// Message is one webhook message as Clerk hands it to Svix. Body is shared by all deliveries: do not change it.
type Message struct {
	ID       string    // svix-id, msg_…
	Type     string    // e.g. user.updated
	Time     time.Time // world time of the envelope's timestamp
	Body     []byte    // exact webhook body
	EntityID string    // id of the object the message is about
}

// message wraps data into an envelope. The timestamp is in milliseconds, or, where exact is not asked for, now and then in seconds
// as Clerk's own examples have it: a truncated timestamp is harmless as long as updated_at alone orders the object's messages.
func (w *World) message(typ, id string, data object, at int64, exact bool) Message {
	w.revision++
	w.users.touch(id)
	if w.mute {
		return Message{}
	}
	timestamp := at
	if !exact && w.odd() {
		timestamp /= 1000
	}
	if w.odd() {
		data = w.withUnknown(data)
	}
	envelope := object{{"data", data}}
	if !w.odd() {
		envelope.add("event_attributes", w.attributes())
	}
	if !w.chance(w.cfg.OddRate / 4) {
		envelope.add("instance_id", w.cfg.InstanceID)
	}
	envelope.add("object", "event")
	envelope.add("timestamp", timestamp)
	envelope.add("type", typ)
	if w.odd() { // nobody promised an order of fields
		w.r.Shuffle(len(envelope), func(i, j int) { envelope[i], envelope[j] = envelope[j], envelope[i] })
	}
	w.scratch = appendJSON(w.scratch[:0], envelope)
	return Message{
		ID:       w.id("msg_"),
		Type:     typ,
		Time:     time.UnixMilli(at).UTC(),
		Body:     bytes.Clone(w.scratch),
		EntityID: id,
	}
}

// withUnknown adds fields that no specification names; real deliveries have them.
func (w *World) withUnknown(data object) object {
	data = append(object{}, data...)
	data.add("requires_password_reset", false)
	if w.chance(0.5) {
		data.add("experimental", object{{"cohort", "b"}, {"weights", []any{1, 2, nil}}})
	}
	return data
}

// attributes is the browser request behind the change, or empty strings where a timer or the Backend API made it.
func (w *World) attributes() object {
	request := object{{"client_ip", ""}, {"user_agent", ""}}
	if w.chance(0.7) {
		request = object{{"client_ip", w.address()}, {"user_agent", one(w.r, agents())}}
	}
	return object{{"http_request", request}}
}
