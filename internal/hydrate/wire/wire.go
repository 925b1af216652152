// Package wire is what a service and the watch of its instance say to one another when an object is missing: one request and one answer over NATS.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/clerkstream/clerkstream/events"
)

// Subject is where an instance's watch takes requests.
func Subject(instance string) string { return "clerkstream.hydrate." + instance }

// The kinds that can be fetched, by the name of their read model. Each is one object of the Backend API that a session token can name.
const (
	Users         = "users"
	Organizations = "organizations"
	Memberships   = "organization_memberships"
)

// MaxRequest bounds a request, which holds two ids of at most 255 bytes.
const MaxRequest = 2048

// Request asks for one object.
type Request struct {
	Kind string `json:"kind"`
	// ID is the entity's; of a membership it is "<organization id>/<user id>", which is all that a token tells of one.
	ID string `json:"id"`
	// Seen is the sequence that the asker's read model had reached when the object was still missing there. An answer that the watch remembers is worth
	// nothing to an asker who has already applied what it tells of. 0 is unknown.
	Seen uint64 `json:"seen,omitempty"`
}

// ErrRequest is a request that nothing can come of.
var ErrRequest = errors.New("no object can be meant")

// Validate keeps a request to the closed set of kinds, and its ids to what may stand in a path and in a subject: whoever can send a request must not
// choose what is asked of Clerk.
func (r Request) Validate() error {
	switch r.Kind {
	case Users, Organizations:
		if events.IsToken(r.ID) {
			return nil
		}
	case Memberships:
		if org, user, ok := strings.Cut(r.ID, "/"); ok && events.IsToken(org) && events.IsToken(user) {
			return nil
		}
	default:
		return fmt.Errorf("%w: %s, %s and %s can be fetched", ErrRequest, Users, Organizations, Memberships)
	}
	return fmt.Errorf("%w: the id is none", ErrRequest)
}

// ParseRequest reads and validates a request.
func ParseRequest(data []byte) (r Request, err error) {
	if len(data) > MaxRequest {
		return r, fmt.Errorf("%w: the request is longer than %d bytes", ErrRequest, MaxRequest)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		// The cause may quote what was sent.
		return r, fmt.Errorf("%w: not the JSON of a request", ErrRequest)
	}
	return r, r.Validate()
}

// Status is how a request ended.
type Status string

// The ways it can end.
const (
	// Found: the object is in the read model once Answer.Sequence has been applied.
	Found Status = "found"
	// Absent: Clerk has no such object.
	Absent Status = "absent"
	// Busy: there is no place for the request now.
	Busy Status = "busy"
	// Unavailable: Clerk, the stream or the watch's read model cannot be reached now, or the watch is stopping.
	Unavailable Status = "unavailable"
	// Invalid: no object can be meant.
	Invalid Status = "invalid"
)

// Answer is the reply.
type Answer struct {
	Status Status `json:"status"`
	// Sequence is, when found, that of the message by which the object is on the stream.
	Sequence uint64 `json:"sequence,omitempty"`
	// RetryAfterMS is, when busy or unavailable, after how long it is worth asking again.
	RetryAfterMS int64 `json:"retry_after_ms,omitempty"`
}
