package reconcile

import (
	"slices"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// class is how one object of Clerk's stands against its row.
type class uint8

const (
	classMatch class = iota
	classLag
	classChanged
	// classAhead is a row that claims to be newer than what Clerk shows, although it was told earlier. No event of this object's own times could replace it.
	classAhead
	classMissing
	classWrongTombstone
	classMalformed
)

// drifting says that an event should repair it.
func (c class) drifting() bool { return c == classChanged || c == classMissing }

// silent are columns that Clerk changes without an event, so a row is behind in them until something else happens to the entity.
var silent = []string{
	"last_active_at", "last_sign_in_at", "members_count", "pending_invitations_count", "total_pending_invitations", "total_pending_suggestions",
}

// classify says how an observation stands against the row. grace is how long a webhook may take.
func classify(s projections.Standing, observed *events.Event, grace time.Duration) class {
	ours, err := observed.Version.Parse()
	if err != nil {
		return classMalformed
	}
	young := grace > 0 && ours.Source > ours.Observed-grace.Milliseconds()
	if s.Stored == "" {
		if young {
			return classLag
		}
		return classMissing
	}
	stored, err := s.Stored.Parse()
	switch {
	case err != nil:
		return classChanged
	case stored.Deleted:
		// Deleted while the request was on its way, or a little before by a clock that is not ours.
		if stored.Observed >= ours.Observed-grace.Milliseconds() {
			return classLag
		}
		return classWrongTombstone
	case len(s.Differs) == 0:
		return classMatch
	case stored.Observed >= ours.Observed:
		return classLag
	case onlySilent(s.Differs):
		return classLag
	case young:
		return classLag
	case stored.Source > ours.Source:
		return classAhead
	}
	return classChanged
}

// onlySilent: a silent column may take updated_at along, but updated_at alone is a change that we were not told.
func onlySilent(differs []string) bool {
	some := false
	for _, column := range differs {
		if slices.Contains(silent, column) {
			some = true
		} else if column != "updated_at" {
			return false
		}
	}
	return some
}
