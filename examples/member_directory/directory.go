package main

import (
	"strings"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// membership is what the directory reads of an organizationMembership event: names and all, so that one row answers "who is in this organization".
type membership struct {
	Role         string `json:"role"`
	Organization struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"organization"`
	Member struct {
		UserID     string `json:"user_id"`
		FirstName  string `json:"first_name"`
		LastName   string `json:"last_name"`
		Identifier string `json:"identifier"`
	} `json:"public_user_data"`
	JoinedAt events.Time `json:"created_at"`
}

func (m *membership) name() string {
	return strings.TrimSpace(m.Member.FirstName + " " + m.Member.LastName)
}

// email is the identifier where it is an address: Clerk puts a phone number or a user name there for those who have none.
func (m *membership) email() string {
	if strings.Contains(m.Member.Identifier, "@") {
		return m.Member.Identifier
	}
	return ""
}

// memberDirectory is a row for each membership, with the names of both sides in it. They are copies as of the membership's own last event: no event of the
// user or the organization writes this row, so a name that changes there changes here with the next event of the membership.
func memberDirectory() projections.Projection {
	type T = membership
	return &projections.State[T]{
		Model: "member_directory", Object: events.ObjectOrganizationMembership,
		Columns: []projections.Column[T]{
			projections.Key("organization_id", func(m *T) string { return m.Organization.ID }),
			projections.Text("organization_name", func(m *T) string { return m.Organization.Name }),
			projections.Key("user_id", func(m *T) string { return m.Member.UserID }),
			projections.Key("name", (*T).name),
			projections.Text("email", (*T).email),
			projections.Text("role", func(m *T) string { return m.Role }),
			projections.Moment("joined_at", func(m *T) events.Time { return m.JoinedAt }),
		},
		Indexes: []string{`(organization_id, name)`},
		Hide:    []string{projections.DeletedParent("users", "user_id"), projections.DeletedParent("organizations", "organization_id")},
		Tenant:  `organization_id = ` + projections.CurrentOrg + ` and ` + isMember,
		Needs:   []string{"users", "organizations", "organization_memberships"},
	}
}

// isMember is stricter than the built-in policies, which believe that whoever acts for an organization belongs to it: the directory closes for a member
// when the end of the membership is projected, whatever the session token still says.
const isMember = `exists (select from {tables}.organization_memberships m
  where m.organization_id = ` + projections.CurrentOrg + ` and m.user_id = ` + projections.CurrentUser + ` and not m.deleted)`
