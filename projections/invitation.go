package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func organizationInvitations() Projection {
	type T = events.OrganizationInvitation
	return &State[T]{
		Model: "organization_invitations", Object: events.ObjectOrganizationInvitation,
		Columns: []Column[T]{
			Key("organization_id", func(i *T) string { return i.OrganizationID }),
			Key("email_address", func(i *T) string { return i.EmailAddress }),
			Text("role", func(i *T) string { return i.Role }),
			Text("role_name", func(i *T) string { return i.RoleName }),
			Text("status", func(i *T) string { return i.Status }),
			Text("inviter_id", func(i *T) string { return i.InviterID }),
			Text("user_id", func(i *T) string { return i.UserID }),
			JSONObject("public_metadata", func(i *T) events.JSON { return i.PublicMetadata }),
			Moment("expires_at", func(i *T) events.Time { return i.ExpiresAt }),
			Moment("created_at", func(i *T) events.Time { return i.CreatedAt }),
			Moment("updated_at", func(i *T) events.Time { return i.UpdatedAt }),
		},
		Private: []Column[T]{JSONObject("private_metadata", func(i *T) events.JSON { return i.PrivateMetadata })},
		Indexes: []string{`(organization_id)`, `(lower(email_address collate "C"))`},
		Hide:    []string{DeletedParent("organizations", "organization_id")},
		// A user's own invitations are those to an address that he has proven to be his.
		Tenant: `organization_id = ` + CurrentOrg + ` or user_id = ` + CurrentUser + `
  or lower(email_address collate "C") in (select i.value from {tables}.user_identifiers i
    where i.user_id = ` + CurrentUser + ` and i.kind = 'email' and i.verified)`,
		Needs: []string{"users", "organizations"},
	}
}
