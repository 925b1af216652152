package events

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Source says which way an event came to the stream.
type Source string

// The sources. All of them publish ordinary events: there is one way in, the stream.
const (
	SourceWebhook   Source = "webhook"
	SourceBackfill  Source = "backfill"
	SourceReconcile Source = "reconcile"
	SourceHydrate   Source = "hydrate"
)

// Event is one immutable fact about one entity, as it lies on the stream.
//
// An Event is a value: it may be copied and read by several goroutines, but Body must not be written to.
type Event struct {
	// ID identifies the fact. For a webhook it is the svix-id, which stays the same on every retry and
	// replay of a message (Svix, "webhook headers").
	ID string
	// Instance is our name of the Clerk environment: prod, staging…
	Instance string
	// Type is Clerk's event type, for example user.updated.
	Type string
	// Object and Verb are the two halves of Type; EntityID is data.id. All three are empty when the event is unrouted.
	Object, Verb, EntityID string
	// Time is the envelope timestamp: when Clerk saw the change. Zero when the body has none, or none that RFC 3339 can write.
	Time time.Time
	// Source is the way it came, Received the moment it was taken in.
	Source   Source
	Received time.Time
	// Version orders the states of one entity. Empty when the event is unrouted.
	Version Version
	// Blanked lists the JSON pointers (RFC 6901) of the values that were blanked before publishing; past 8 KiB it ends in MorePointers.
	// An empty pointer is the whole body: of one that is not JSON, everything from the first trace of a credential to its end.
	Blanked []string
	// Unrouted is the reason why the event has no entity of its own, or empty.
	Unrouted Reason
	// TraceParent is the W3C trace context, or empty.
	TraceParent string
	// Body is the webhook body as it was signed, byte for byte, but for the blanked values.
	Body []byte
}

// Reason is a short code that says why an event cannot be routed to an entity.
type Reason string

// The reasons. They are header values and metric labels, so the set is closed.
const (
	ReasonNotJSON   Reason = "not_json"
	ReasonNotObject Reason = "not_object"
	ReasonNoType    Reason = "no_type"
	ReasonTypeForm  Reason = "type_form"
	ReasonNoID      Reason = "no_id"
	ReasonIDForm    Reason = "id_form"
)

// Subject is the event's address on the stream: clerk.<instance>.<object>.<entity id>.<verb>, or, for what
// has no entity, clerk.<instance>.unrouted.<hex of sha256(id)>: an id from outside never becomes a token.
func (e *Event) Subject() string {
	if e.Unrouted != "" {
		sum := sha256.Sum256([]byte(e.ID))
		return subjectRoot + "." + e.Instance + "." + unroutedToken + "." + hex.EncodeToString(sum[:])
	}
	return Subject{e.Instance, e.Object, e.EntityID, e.Verb}.String()
}

// MessageID is the Nats-Msg-Id under which JetStream's duplicate window recognises the event.
func (e *Event) MessageID() string { return e.Instance + ":" + e.ID }

// MaxClockLead is how far a version's clocks may run ahead of the moment of receipt. Beyond it one bad value
// would freeze the entity, because every honest later event would look older.
const MaxClockLead = 24 * time.Hour

// ClockAhead reports whether a clock of the event's version leads its receipt by more than MaxClockLead.
func (e *Event) ClockAhead() bool {
	if e.Received.IsZero() {
		return false
	}
	v, err := e.Version.Parse()
	if err != nil {
		return false
	}
	limit := e.Received.Add(MaxClockLead).UnixMilli()
	return v.Source > limit || v.Observed > limit
}
