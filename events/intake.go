package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Intake is what is known about a body before it is read.
type Intake struct {
	// ID identifies the fact: the svix-id of a webhook. One that a header or Postgres could not hold is replaced by its hash.
	ID string
	// Instance is our name of the Clerk environment. It must be a token.
	Instance string
	Source   Source
	// Received is now, by the caller's clock.
	Received time.Time
	// TraceParent is a W3C trace context. One of another form is ignored, as the recommendation asks.
	TraceParent string
	// KeepPrivateMetadata leaves private_metadata in the body. Default: blanked.
	KeepPrivateMetadata bool
}

// New makes an event of a verified body. It never fails: what has no entity becomes an unrouted event with the reason, because a
// verified webhook is never dropped. The second result is the body's instance_id, or empty when it names none (old payloads).
func New(in Intake, body []byte) (event Event, clerkInstanceID string) {
	env := scan(body, in.KeepPrivateMetadata)
	e := Event{
		ID: steadyID(in.ID), Instance: in.Instance, Source: in.Source, TraceParent: traceParent(in.TraceParent),
		// What a header cannot carry is cut here, so that an event is the same before and after the stream.
		Received: in.Received.UTC().Truncate(time.Millisecond),
		Type:     truncate(env.typ, maxType),
		Time:     msTime(env.timestamp),
	}
	e.Unrouted = env.unrouted()
	if e.Unrouted == "" {
		e.Object, e.Verb, _ = SplitType(env.typ)
		e.EntityID = env.id
		e.Version = env.version(e.Object, e.Verb, e.ID, 0)
	}
	e.Body, e.Blanked = env.redact(body, e.Object)
	return e, env.instanceID
}

func (e *envelope) unrouted() Reason {
	_, _, formed := SplitType(e.typ)
	switch {
	case e.bad:
		return ReasonNotJSON
	case !e.object:
		return ReasonNotObject
	case e.typ == "":
		return ReasonNoType
	case !formed:
		return ReasonTypeForm
	case e.id == "":
		return ReasonNoID
	case !IsToken(e.id):
		return ReasonIDForm
	}
	return ""
}

func (e *envelope) version(object, verb, eventID string, epoch int) Version {
	return VersionParts{
		Epoch:    epoch,
		Deleted:  verb == verbDeleted,
		Source:   e.sourceTime(),
		Observed: e.timestamp,
		Rank:     Rank(object, verb),
		EventID:  eventID,
	}.Version()
}

// maxType is the greatest type that is routed: two tokens and the dot. maxID is a bound for ids that no Svix id comes near.
const (
	maxType = 2*maxToken + 1
	maxID   = 255
)

// steadyID returns id, or its hash where id is too long for a header or holds what Postgres refuses in a text: the same id always gives the
// same, so that a retry is still recognised.
func steadyID(id string) string {
	if len(id) <= maxID && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// traceParent returns s if it has the form version-trace-parent-flags of W3C Trace Context (§3.2), else nothing.
func traceParent(s string) string {
	const form = "00-00000000000000000000000000000000-0000000000000000-00"
	if len(s) != len(form) {
		return ""
	}
	for i := range len(s) {
		if dash := form[i] == '-'; dash && s[i] != '-' || !dash && unhex(s[i]) < 0 {
			return ""
		}
	}
	return s
}

// truncate cuts s to n bytes at the edge of a character; bytes that are no UTF-8 become U+FFFD.
func truncate(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
