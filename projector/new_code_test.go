package projector

import (
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

type usersProjection = *projections.State[events.User]

// laterUsers adds full_name, changes username to capitals and removes last_active_at.
func laterUsers(users usersProjection) projections.Projection {
	later := *users
	later.Revision++
	later.Columns = slices.DeleteFunc(slices.Clone(users.Columns), func(c projections.Column[events.User]) bool {
		return c.Name == "last_active_at" || c.Name == "username"
	})
	later.Columns = append(later.Columns,
		projections.Text("username", func(u *events.User) string { return strings.ToUpper(u.Username) }),
		projections.Text("full_name", func(u *events.User) string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }),
	)
	return &later
}
