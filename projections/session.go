package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func sessions() Projection {
	type T = events.Session
	return &State[T]{
		Model: "sessions", Object: events.ObjectSession,
		Columns: []Column[T]{
			Key("user_id", func(s *T) string { return s.UserID }),
			Text("client_id", func(s *T) string { return s.ClientID }),
			Text("status", func(s *T) string { return s.Status }),
			JSON("actor", func(s *T) events.JSON { return s.Actor }),
			Text("last_active_organization_id", func(s *T) string { return s.LastActiveOrganizationID }),
			Moment("last_active_at", func(s *T) events.Time { return s.LastActiveAt }),
			JSON("latest_activity", func(s *T) events.JSON { return s.LatestActivity }),
			Moment("expire_at", func(s *T) events.Time { return s.ExpireAt }),
			Moment("abandon_at", func(s *T) events.Time { return s.AbandonAt }),
			Moment("created_at", func(s *T) events.Time { return s.CreatedAt }),
			Moment("updated_at", func(s *T) events.Time { return s.UpdatedAt }),
		},
		Indexes: []string{`(user_id)`},
		Hide:    []string{DeletedParent("users", "user_id")},
		// Sessions hold addresses and places of a person: not even a fellow member sees them.
		Tenant: `user_id = ` + CurrentUser,
		Needs:  []string{"users"},
	}
}
