package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

// waitlistEntries belong to nobody yet, so no tenant sees them.
func waitlistEntries() Projection {
	type T = events.WaitlistEntry
	return &State[T]{
		Model: "waitlist_entries", Object: events.ObjectWaitlistEntry,
		Columns: []Column[T]{
			Text("email_address", func(w *T) string { return w.EmailAddress }),
			Text("status", func(w *T) string { return w.Status }),
			Bool("is_locked", func(w *T) bool { return w.IsLocked }),
			JSON("invitation", func(w *T) events.JSON { return w.Invitation }),
			Moment("created_at", func(w *T) events.Time { return w.CreatedAt }),
			Moment("updated_at", func(w *T) events.Time { return w.UpdatedAt }),
		},
	}
}
