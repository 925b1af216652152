package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func enterpriseConnections() Projection {
	type T = events.EnterpriseConnection
	return &State[T]{
		Model: "enterprise_connections", Object: events.ObjectEnterpriseConnection,
		Columns: []Column[T]{
			Text("name", func(c *T) string { return c.Name }),
			Key("organization_id", func(c *T) string { return c.OrganizationID }),
			Bool("active", func(c *T) bool { return c.Active }),
			Text("provider", func(c *T) string { return c.Provider }),
			Text("protocol", func(c *T) string { return c.Protocol }),
			JSONArray("domains", func(c *T) events.JSON { return c.Domains }),
			Bool("sync_user_attributes", func(c *T) bool { return c.SyncUserAttributes }),
			Bool("allow_subdomains", func(c *T) bool { return c.AllowSubdomains }),
			Bool("disable_additional_identifications", func(c *T) bool { return c.DisableAdditionalIdentifications }),
			Moment("created_at", func(c *T) events.Time { return c.CreatedAt }),
			Moment("updated_at", func(c *T) events.Time { return c.UpdatedAt }),
		},
		Indexes: []string{`(organization_id)`},
		Tenant:  `organization_id = ` + CurrentOrg,
	}
}
