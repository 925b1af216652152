package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Observed is an object as the Backend API showed it, on its way to be an ordinary event. Whatever is read from the API comes to the stream through
// it: backfill, reconcile and hydrate differ in Intake.Source alone.
type Observed struct { //nolint:recvcheck // a value to its callers, and too large to be copied by its own methods
	// Object and Verb make the type. They must be of the catalogue: see CarriesState.
	Object, Verb string
	// EntityID is the id under which the object was asked for or listed; Data must name the same.
	EntityID string
	// Data is the object's JSON, as the API answered. A delete needs none: what is gone shows nothing.
	Data []byte
	// At is when the request began, by our clock. What Clerk's own clocks leave equal the later observation wins, and whatever happened while the
	// request ran is newer than it.
	At time.Time
	// ClerkInstance is Clerk's id of the environment (ins_…), or empty where it is not known.
	ClerkInstance string
	// Replaces is the version of the row that the object was compared with, or empty where there was none. It is part of the event's id, and its
	// epoch is the least that the event gets: nothing else could replace that row.
	Replaces Version
	// Epoch is 0; a recorded restore gives one more than the tombstone has.
	Epoch int
	// Again makes At part of the id. It is for the event that the broker takes for a duplicate although the row still differs.
	Again bool
}

// ErrUnobservable says that an object of the API cannot be an event: it has not the shape, the id or the clocks that every reader counts on. The text
// of the error names the object and its id, never what it holds.
var ErrUnobservable = errors.New("unexpected shape")

// Event makes the event. in.ID is ignored: the id is made of the content as it will lie on the stream, and of what it replaces, so the same finding
// is the same event whoever makes it, and as often as it is made; see also SameObserved. in.Received is At unless it is set.
//
// It looks at the object's frame only. Whether its fields have the types that readers expect is known when a projection, or Typed, decodes the event.
func (o Observed) Event(in Intake) (Event, error) {
	if err := o.check(in); err != nil {
		return Event{}, o.unobservable(err)
	}
	head, tail := `{"data":`, o.tail()
	body := make([]byte, 0, len(head)+len(o.Data)+len(tail)+2*maxToken)
	body = append(body, head...)
	if body = append(body, o.Data...); len(o.Data) == 0 {
		body = o.appendTombstone(body)
	}
	body = append(body, tail...)
	if in.Received.IsZero() {
		in.Received = o.At
	}
	e, _ := New(in, body)
	switch {
	case e.Unrouted != "":
		return Event{}, o.unobservable(errors.New(string(e.Unrouted)))
	case e.EntityID != o.EntityID:
		return Event{}, o.unobservable(errors.New("another id"))
	case e.ClockAhead():
		return Event{}, o.unobservable(errors.New("clocks ahead"))
	}
	// The content without what was blanked: whoever reads the id could otherwise guess at that, knowing all the rest.
	e.ID = o.id(e.Body[len(head) : len(e.Body)-len(tail)])
	parts, err := e.Version.Parse()
	if err != nil {
		return Event{}, o.unobservable(err)
	}
	parts.Epoch, parts.EventID = o.epoch(), e.ID
	e.Version = parts.Version()
	return e, nil
}

func (o *Observed) unobservable(err error) error {
	id := o.EntityID
	if !IsToken(id) {
		id = "without an id" // it may be anything, a person's address too
	}
	object := o.Object
	if !IsToken(object) {
		object = "object"
	}
	return fmt.Errorf("observed %s %s: %w: %w", object, id, ErrUnobservable, err)
}

// earliest is the first moment that is not taken for one in seconds.
var earliest = time.UnixMilli(maxSeconds)

const maxEpoch = 9999

func (o *Observed) check(in Intake) error {
	switch {
	case !CarriesState(o.Object, o.Verb):
		return errors.New("type is not in the catalogue")
	case !IsToken(o.EntityID):
		return errors.New("id is no token")
	case !IsToken(in.Instance):
		return errors.New("instance is no token")
	case o.ClerkInstance != "" && !IsToken(o.ClerkInstance):
		return errors.New("clerk's instance is no token")
	case in.Source != SourceBackfill && in.Source != SourceReconcile && in.Source != SourceHydrate:
		return errors.New("source is none that observes")
	case o.At.Before(earliest) || o.At.Year() > 9999:
		return errors.New("time of the request is none")
	case o.Epoch < 0 || o.Epoch > maxEpoch:
		return errors.New("epoch out of range")
	case len(o.Data) == 0 && o.Verb == verbDeleted:
		return nil
	// By itself: what is JSON only between our own braces could close them.
	case !isJSON(o.Data):
		return errors.New(string(ReasonNotJSON))
	case bytes.TrimLeft(o.Data, " \t\r\n")[0] != '{':
		return errors.New(string(ReasonNotObject))
	}
	return nil
}

// tail is what follows the data in the body: Clerk's envelope, with the time of the request in the place of the event's.
func (o *Observed) tail() string {
	tail := `,"object":"event","type":"` + o.Object + "." + o.Verb + `","timestamp":` + strconv.FormatInt(o.At.UnixMilli(), 10)
	if o.ClerkInstance != "" {
		tail += `,"instance_id":"` + o.ClerkInstance + `"`
	}
	return tail + "}"
}

// appendTombstone writes Clerk's DeletedObject.
func (o *Observed) appendTombstone(b []byte) []byte {
	b = append(b, `{"object":"`...)
	for i := range len(o.Object) {
		c := o.Object[i]
		if c >= 'A' && c <= 'Z' {
			b = append(b, '_')
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return append(append(append(b, `","id":"`...), o.EntityID...), `","deleted":true}`...)
}

func (o *Observed) epoch() int {
	if before, err := o.Replaces.Parse(); err == nil {
		return max(o.Epoch, before.Epoch)
	}
	return o.Epoch
}

// observedPrefix leads the ids of observed events: none of Svix' does.
const observedPrefix = "api_"

// id is api_<what is said>_<in the place of what>: 16 and 8 bytes of SHA-256 in hex. The first half must not be one for which a person can find two
// texts, for users write much of what is in it.
func (o *Observed) id(content []byte) string {
	said := sha256.New()
	for _, part := range []string{o.Object, o.Verb, o.EntityID, strconv.Itoa(o.epoch())} {
		_, _ = said.Write([]byte(part))
		_, _ = said.Write([]byte{0})
	}
	_, _ = said.Write(content)
	place := string(o.Replaces)
	if o.Again {
		place += "\x00" + strconv.FormatInt(o.At.UnixMilli(), 10)
	}
	instead := sha256.Sum256([]byte(place))
	return observedPrefix + hex.EncodeToString(said.Sum(nil)[:16]) + "_" + hex.EncodeToString(instead[:8])
}

// SameObserved reports whether the events with these two ids were observed and say the same of the same entity, whatever each of them replaced. For an
// object without a read model it tells whether the last message of its subject still holds.
func SameObserved(id, other string) bool {
	const said = len(observedPrefix) + 32
	return strings.HasPrefix(id, observedPrefix) && len(id) > said && len(other) > said && id[:said+1] == other[:said+1]
}
