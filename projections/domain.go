package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func organizationDomains() Projection {
	type T = events.OrganizationDomain
	return &State[T]{
		Model: "organization_domains", Object: events.ObjectOrganizationDomain,
		Columns: []Column[T]{
			Key("organization_id", func(d *T) string { return d.OrganizationID }),
			Key("name", func(d *T) string { return d.Name }),
			Text("enrollment_mode", func(d *T) string { return d.EnrollmentMode }),
			Text("affiliation_email_address", func(d *T) string { return d.AffiliationEmailAddress }),
			JSON("affiliation_verification", func(d *T) events.JSON { return d.AffiliationVerification }),
			JSON("ownership_verification", func(d *T) events.JSON { return d.OwnershipVerification }),
			Int("total_pending_invitations", func(d *T) *int64 { return d.TotalPendingInvitations }),
			Int("total_pending_suggestions", func(d *T) *int64 { return d.TotalPendingSuggestions }),
			Moment("created_at", func(d *T) events.Time { return d.CreatedAt }),
			Moment("updated_at", func(d *T) events.Time { return d.UpdatedAt }),
		},
		Indexes: []string{`(organization_id)`, `(name)`},
		Hide:    []string{DeletedParent("organizations", "organization_id")},
		Tenant:  `organization_id = ` + CurrentOrg,
		Needs:   []string{"organizations"},
	}
}
