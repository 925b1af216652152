package projector

import "github.com/clerkstream/clerkstream/events"

// rejection is why a message became a dead letter. Neither field holds a value of the payload.
type rejection struct {
	reason reason
	detail string
}

// reason is a short code for a class of failures, so that one fix can be applied to a whole class.
type reason string

const (
	reasonUnreadable reason = "unreadable"
	reasonClockAhead reason = "clock_ahead"
	reasonDecode     reason = "decode"
	// reasonRefused is followed by Postgres' SQLSTATE: refused_22P05.
	reasonRefused reason = "refused_"
)

// everywhere stands in a rejection's map for "in every projection".
const everywhere = -1

func (m *message) reject(projection int, r rejection) {
	if m.rejected == nil {
		m.rejected = map[int]rejection{}
	}
	m.rejected[projection] = r
}

// arrival is the version a message would have if arrival decided: what the version gate exists to prevent. Only the negative control uses it.
func arrival(m *message) events.Version {
	return events.VersionParts{Epoch: int(m.sequence), Deleted: m.event.Version.Deleted(), EventID: m.event.ID}.Version()
}
