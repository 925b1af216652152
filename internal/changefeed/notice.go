// Package changefeed is the form of the notices by which a projector tells readers what a transaction changed, and the listener for them. The
// notices travel by NOTIFY in that very transaction: a reader hears of a change when, and only if, it can be read.
package changefeed

import (
	"time"
)

// MaxPayload is how long a notice's text may be: Postgres takes less than 8000 bytes.
const MaxPayload = 7800

// MaxNotices is into how many notices one transaction's changes are cut at most. What needs more, some 2000 rows, says Flush: whoever caches has better
// ways to read that much again than by id.
const MaxNotices = 16

// Channel is the NOTIFY channel of the read model behind a schema of views.
func Channel(schema string) string { return "clerkstream_" + schema }

// Notice is what one transaction of a projector changed, or a part of it: its text on the channel is this struct's JSON.
type Notice struct {
	// Generation is the live one, Sequence its position on the stream.
	Generation int    `json:"generation"`
	Sequence   uint64 `json:"sequence"`
	// OccurredAt is Clerk's time of the oldest change in the notice, zero when unknown.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// Changes holds the changed ids by read model, each once.
	Changes map[string][]string `json:"changes,omitzero"`
	// Related is parallel to Changes where a read model tells more of its rows: for organization_memberships it is organization id and user id, also
	// of a deleted one. An element is empty where the event did not say.
	Related map[string][][]string `json:"related,omitzero"`
	// Later is parallel to Changes where not all changes of a read model are as old as OccurredAt: by how many milliseconds each is younger.
	Later map[string][]int64 `json:"later,omitzero"`
	// Flush stands in the place of changes: there are more than fit, or readers see another generation. Whatever was known may have changed.
	Flush bool `json:"flush,omitzero"`
}

// At is Clerk's time of the i-th change of a read model: when the row changed or when Clerk told of it, whichever is later. It is zero when unknown.
func (n *Notice) At(readModel string, i int) time.Time {
	if later := n.Later[readModel]; i < len(later) {
		// Not Add: a Duration ends after 292 years, and clocks from outside may lie further apart.
		return time.UnixMilli(n.OccurredAt.UnixMilli() + later[i]).UTC()
	}
	return n.OccurredAt
}

// RelatedTo is what the i-th change of a read model is related to, or empty.
func (n *Notice) RelatedTo(readModel string, i int) []string {
	if related := n.Related[readModel]; i < len(related) {
		return related[i]
	}
	return nil
}
