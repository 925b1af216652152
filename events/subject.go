package events

import (
	"fmt"
	"strings"
)

const (
	subjectRoot   = "clerk"
	unroutedToken = "unrouted"

	// maxToken bounds one subject token. Postgres refuses btree keys over 2704 bytes and NATS a protocol line
	// over 4 KiB; Clerk's longest known ids are under 50 characters.
	maxToken = 255
)

// Subject is the address of a routed event.
type Subject struct {
	Instance, Object, EntityID, Verb string
}

// String joins the tokens. It is only meaningful when every one of them is a Token.
func (s Subject) String() string {
	return subjectRoot + "." + s.Instance + "." + s.Object + "." + s.EntityID + "." + s.Verb
}

// ParseSubject is the inverse of Subject.String. Subjects of unrouted events are refused: they name no entity.
func ParseSubject(subject string) (Subject, error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 5 || tokens[0] != subjectRoot || tokens[2] == unroutedToken {
		return Subject{}, fmt.Errorf("subject has not the form clerk.<instance>.<object>.<id>.<verb>: %d tokens", len(tokens))
	}
	for i, t := range tokens {
		if !IsToken(t) {
			return Subject{}, fmt.Errorf("subject token %d is not [A-Za-z0-9_-]{1,%d}", i+1, maxToken)
		}
	}
	return Subject{tokens[1], tokens[2], tokens[3], tokens[4]}, nil
}

// IsToken reports whether s may stand as one token of a subject: [A-Za-z0-9_-], 1 to 255 characters. Nothing else from a
// payload reaches a subject, so no payload can widen one with a dot, a wildcard or a space.
func IsToken(s string) bool {
	if len(s) == 0 || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// IsUnroutedSubject reports whether subject is the address of an event that has no entity.
func IsUnroutedSubject(subject string) bool {
	tokens := strings.Split(subject, ".")
	return len(tokens) == 4 && tokens[0] == subjectRoot && IsToken(tokens[1]) && tokens[2] == unroutedToken && IsToken(tokens[3])
}
