package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func organizationMemberships() Projection {
	type T = events.OrganizationMembership
	return &State[T]{
		Model: "organization_memberships", Object: events.ObjectOrganizationMembership,
		Columns: []Column[T]{
			Key("organization_id", func(m *T) string { return m.Organization.ID }),
			Key("user_id", func(m *T) string { return m.PublicUserData.UserID }),
			Text("role", func(m *T) string { return m.Role }),
			Text("role_name", func(m *T) string { return m.RoleName }),
			JSONArray("permissions", func(m *T) events.JSON { return m.Permissions }),
			JSONObject("public_metadata", func(m *T) events.JSON { return m.PublicMetadata }),
			Moment("created_at", func(m *T) events.Time { return m.CreatedAt }),
			Moment("updated_at", func(m *T) events.Time { return m.UpdatedAt }),
		},
		Private: []Column[T]{JSONObject("private_metadata", func(m *T) events.JSON { return m.PrivateMetadata })},
		Indexes: []string{`(organization_id, user_id)`, `(user_id)`},
		Hide:    []string{DeletedParent("users", "user_id"), DeletedParent("organizations", "organization_id")},
		Tenant:  `organization_id = ` + CurrentOrg + ` or user_id = ` + CurrentUser,
		Needs:   []string{"users", "organizations"},
		Related: func(m *T) []string { return []string{m.Organization.ID, m.PublicUserData.UserID} },
	}
}
