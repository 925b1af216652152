package events

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header is a message header as NATS has it. Its names are case-sensitive.
type Header map[string][]string

// Get returns the first value under name, or "".
func (h Header) Get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// headerWriter keeps all values of a header in one array: a header is made for every delivery.
type headerWriter struct {
	Header
	values []string
}

func (w *headerWriter) set(name, value string) {
	w.values = append(w.values, value)
	n := len(w.values)
	w.Header[name] = w.values[n-1 : n : n]
}

// maxHeaders is how many names an event can have.
const maxHeaders = 17

// The header names. The ce- names are CloudEvents 1.0 in binary mode as its NATS protocol binding spells them, so any CloudEvents SDK reads
// an event; Nats-Msg-Id is JetStream's; traceparent is W3C Trace Context's; the rest are ours.
const (
	HeaderMessageID   = "Nats-Msg-Id"
	HeaderTTL         = "Nats-TTL"
	HeaderContentType = "content-type"
	HeaderTraceParent = "traceparent"

	HeaderSpecVersion = "ce-specversion"
	HeaderID          = "ce-id"
	HeaderSource      = "ce-source"
	HeaderType        = "ce-type"
	HeaderTime        = "ce-time"
	HeaderSubject     = "ce-subject"

	HeaderOrigin      = "Clerkstream-Source"
	HeaderReceived    = "Clerkstream-Received"
	HeaderVersion     = "Clerkstream-Version"
	HeaderVersionRule = "Clerkstream-Version-Rule"
	HeaderBlanked     = "Clerkstream-Blanked"
	HeaderUnrouted    = "Clerkstream-Unrouted"
)

// MessageTTL is how long email.* and sms.* stay on the stream. Their ids never come again, so nothing that is rebuilt needs
// them, and they hold addresses.
const MessageTTL = 30 * 24 * time.Hour

var (
	messageTTL  = MessageTTL.String()
	versionRule = strconv.Itoa(VersionRule)
)

// MaxHeaderBytes bounds what Header adds to a message of an event that New made, so that a start-up check can tell whether the broker takes a body of the greatest
// allowed size together with its headers.
const MaxHeaderBytes = 16 << 10

// unroutedType stands in ce-type, which CloudEvents requires, when the body names no type.
const unroutedType = "unrouted"

// Header renders everything about the event that is not its body.
func (e *Event) Header() Header {
	h := headerWriter{Header: make(Header, maxHeaders), values: make([]string, 0, maxHeaders)}
	h.set(HeaderMessageID, encode(e.MessageID()))
	h.set(HeaderContentType, e.contentType())
	e.cloudEvent(&h)
	h.set(HeaderOrigin, string(e.Source))
	h.set(HeaderReceived, e.Received.UTC().Format(timeFormat))
	if e.Version != "" {
		h.set(HeaderVersion, encode(string(e.Version)))
		h.set(HeaderVersionRule, versionRule)
	}
	if len(e.Blanked) > 0 {
		h.set(HeaderBlanked, joinPointers(e.Blanked))
	}
	if e.Unrouted != "" {
		h.set(HeaderUnrouted, string(e.Unrouted))
	}
	if e.TraceParent != "" {
		h.set(HeaderTraceParent, encode(e.TraceParent))
	}
	// By the type, not the object: a message without an id holds addresses all the same.
	if object, _, _ := SplitType(e.Type); isMessage(object) {
		h.set(HeaderTTL, messageTTL)
	}
	return h.Header
}

// cloudEvent writes the context attributes of CloudEvents 1.0.
func (e *Event) cloudEvent(h *headerWriter) {
	h.set(HeaderSpecVersion, "1.0")
	h.set(HeaderID, encode(e.ID))
	h.set(HeaderSource, "/clerk/"+encode(e.Instance))
	if e.Type != "" {
		h.set(HeaderType, encode(e.Type))
	} else {
		h.set(HeaderType, unroutedType)
	}
	if !e.Time.IsZero() {
		h.set(HeaderTime, e.Time.UTC().Format(timeFormat))
	}
	if e.EntityID != "" {
		h.set(HeaderSubject, e.EntityID)
	}
}

func (e *Event) contentType() string {
	if e.Unrouted == ReasonNotJSON {
		return "application/octet-stream"
	}
	return "application/json"
}

// timeFormat is RFC 3339 with milliseconds, the resolution of every clock at Clerk.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// FromMessage reads an event back from a message. It trusts the subject for the entity and the header for the version when the header's
// rule is ours; for any other rule it computes the version again from the body. The result shares body.
func FromMessage(subject string, header map[string][]string, body []byte) (Event, error) {
	h := Header(header)
	e := Event{ID: decode(h.Get(HeaderID)), Source: Source(h.Get(HeaderOrigin)), TraceParent: decode(h.Get(HeaderTraceParent)), Body: body}
	if e.ID == "" {
		return e, fmt.Errorf("message on %s has no %s header", subject, HeaderID)
	}
	// Both times are for people and for the clock guard; a message without them is still a fact.
	e.Time = parseTime(h.Get(HeaderTime))
	e.Received = parseTime(h.Get(HeaderReceived))
	if list, ok := header[HeaderBlanked]; ok && len(list) > 0 {
		e.Blanked = splitPointers(list[0])
	}
	if IsUnroutedSubject(subject) {
		e.fromUnrouted(subject, h)
		return e, nil
	}
	s, err := ParseSubject(subject)
	if err != nil {
		return e, fmt.Errorf("event %s: %w", e.ID, err)
	}
	e.Instance, e.Object, e.Verb, e.EntityID = s.Instance, s.Object, s.Verb, s.EntityID
	e.Type = s.Object + "." + s.Verb
	e.Version = Version(decode(h.Get(HeaderVersion)))
	parts, err := e.Version.Parse()
	switch {
	case h.Get(HeaderVersionRule) != versionRule:
		// The epoch is no fact of the body: a restore wrote it, and it outlives every rule.
		env := scan(body, true)
		e.Version = env.version(e.Object, e.Verb, e.ID, parts.Epoch)
	case err != nil:
		return e, fmt.Errorf("event %s: %w", e.ID, err)
	}
	return e, nil
}

func (e *Event) fromUnrouted(subject string, h Header) {
	e.Instance = strings.Split(subject, ".")[1]
	if e.Unrouted = Reason(h.Get(HeaderUnrouted)); e.Unrouted == "" {
		e.Unrouted = ReasonNoType
	}
	// A body may call its type "unrouted", and then that is the reason: it has not the form of a type.
	if e.Type = decode(h.Get(HeaderType)); e.Type == unroutedType && e.Unrouted != ReasonTypeForm {
		e.Type = ""
	}
}

// parseTime is lenient: what is no time is none.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func joinPointers(pointers []string) string {
	encoded := make([]string, len(pointers))
	for i, p := range pointers {
		encoded[i] = encodePointer(p)
	}
	return strings.Join(encoded, ",")
}

func splitPointers(list string) []string {
	pointers := strings.Split(list, ",")
	for i, p := range pointers {
		pointers[i] = decode(p)
	}
	return pointers
}

// encodePointer also encodes the comma, which separates pointers.
func encodePointer(p string) string { return strings.ReplaceAll(encode(p), ",", "%2C") }
