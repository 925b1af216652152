package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

func roles() Projection {
	type T = events.Role
	return &State[T]{
		Model: "roles", Object: events.ObjectRole,
		Columns: []Column[T]{
			Text("name", func(r *T) string { return r.Name }),
			Key("key", func(r *T) string { return r.Key }),
			Text("description", func(r *T) string { return r.Description }),
			Bool("is_creator_eligible", func(r *T) bool { return r.IsCreatorEligible }),
			JSONArray("permissions", func(r *T) events.JSON { return r.Permissions.Raw }),
			Moment("created_at", func(r *T) events.Time { return r.CreatedAt }),
			Moment("updated_at", func(r *T) events.Time { return r.UpdatedAt }),
		},
		Children: []Child[T]{{
			Name: "role_permissions", Owner: "role_id",
			Columns: []ChildColumn{{"permission_id", TypeText, true}, {"permission_key", TypeText, false}},
			Rows: func(r *T, rows *ChildRows) {
				for _, p := range r.Permissions.Items {
					rows.Add(p.ID, p.Key)
				}
			},
			Indexes: []string{`(permission_id)`},
			Hide:    []string{DeletedParent("roles", "role_id"), DeletedParent("permissions", "permission_id")},
			Tenant:  byAnyone,
		}},
		Indexes: []string{`(key)`},
		Tenant:  byAnyone,
		Needs:   []string{"permissions"},
	}
}

func permissions() Projection {
	type T = events.Permission
	return &State[T]{
		Model: "permissions", Object: events.ObjectPermission,
		Columns: []Column[T]{
			Text("name", func(p *T) string { return p.Name }),
			Text("key", func(p *T) string { return p.Key }),
			Text("description", func(p *T) string { return p.Description }),
			Text("type", func(p *T) string { return p.Type }),
			Moment("created_at", func(p *T) events.Time { return p.CreatedAt }),
			Moment("updated_at", func(p *T) events.Time { return p.UpdatedAt }),
		},
		Tenant: byAnyone,
	}
}
