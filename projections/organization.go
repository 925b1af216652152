package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func organizations() Projection {
	type T = events.Organization
	return &State[T]{
		Model: "organizations", Object: events.ObjectOrganization,
		Columns: []Column[T]{
			Text("name", func(o *T) string { return o.Name }),
			Key("slug", func(o *T) string { return o.Slug }),
			Text("image_url", func(o *T) string { return o.ImageURL }),
			Bool("has_image", func(o *T) bool { return o.HasImage }),
			Int("members_count", func(o *T) *int64 { return o.MembersCount }),
			Int("pending_invitations_count", func(o *T) *int64 { return o.PendingInvitationsCount }),
			Bool("missing_member_with_elevated_permissions", func(o *T) bool { return o.MissingMemberWithElevatedPermissions }),
			Int("max_allowed_memberships", func(o *T) *int64 { return o.MaxAllowedMemberships }),
			Bool("admin_delete_enabled", func(o *T) bool { return o.AdminDeleteEnabled }),
			JSONObject("public_metadata", func(o *T) events.JSON { return o.PublicMetadata }),
			Text("created_by", func(o *T) string { return o.CreatedBy }),
			Text("role_set_key", func(o *T) string { return o.RoleSetKey }),
			Moment("last_active_at", func(o *T) events.Time { return o.LastActiveAt }),
			Moment("created_at", func(o *T) events.Time { return o.CreatedAt }),
			Moment("updated_at", func(o *T) events.Time { return o.UpdatedAt }),
		},
		Private: []Column[T]{JSONObject("private_metadata", func(o *T) events.JSON { return o.PrivateMetadata })},
		Indexes: []string{`(slug)`},
		// A user sees the active organization and, to switch, those he is a member of.
		Tenant: `id = ` + CurrentOrg + ` or exists (select from {tables}.organization_memberships m
  where m.organization_id = organizations.id and m.user_id = ` + CurrentUser + ` and not m.deleted)`,
		Needs: []string{"organization_memberships"},
	}
}
