package clerksim

import (
	"maps"
	"time"
)

// Row is one row of a read model: column to nil, bool, string, int64, time.Time (UTC, ms), or decoded JSON as encoding/json gives it
// (map[string]any, []any, string, float64, bool, nil). A column that is left out is not to be compared: members_count,
// pending_invitations_count and total_pending_* move without an event.
type Row map[string]any

// Truth is what read models must show.
type Truth struct {
	// Rows is read model → key → row. The key is the id; for user_identifiers it is "user_id|kind|value", for role_permissions
	// "role_id|permission_id". enterprise_connections have no webhook and are not here.
	Rows map[string]map[string]Row
	// Ties is read model → entity id for those whose newest state shares updated_at and envelope timestamp with another content, so
	// that nothing in the messages says which is newer: check only that all receivers agree. The rows of user_identifiers and
	// role_permissions are listed under their owner, the user or role. States that cannot be left (a removed session, a revoked
	// invitation, anything deleted) are no ties: they win.
	Ties map[string]map[string]bool
	// Polled is what only reading the Backend API tells, in the form of Rows: the system's permissions. Whoever has read all of it shows both.
	Polled map[string]map[string]Row
}

// Truth is what is true after the messages that Next has handed out so far. It renders the living objects afresh, which costs about as
// much as telling each of them once; it is not safe to call beside Next.
func (w *World) Truth() Truth {
	t := Truth{Rows: map[string]map[string]Row{}, Ties: map[string]map[string]bool{}, Polled: w.polledTruth()}
	for _, model := range []string{
		"users", "user_identifiers", "organizations", "organization_memberships", "organization_invitations", "organization_domains", "roles",
		"role_permissions", "permissions", "sessions", "waitlist_entries", "subscriptions", "subscription_items", "payment_attempts",
	} {
		t.Rows[model] = map[string]Row{}
	}
	w.userTruth(t)
	w.organizationTruth(t)
	w.roleTruth(t)
	for _, e := range w.entries.items {
		t.put("waitlist_entries", &e.stamp, e.row())
	}
	for _, s := range w.subscriptions {
		t.put("subscriptions", &s.stamp, s.row())
		for _, it := range s.items {
			if it.announced {
				t.put("subscription_items", &it.stamp, it.row())
			}
		}
	}
	for _, p := range w.payments {
		t.put("payment_attempts", &p.stamp, p.row())
	}
	return t
}

func (w *World) userTruth(t Truth) {
	for _, u := range w.users.items {
		t.put("users", &u.stamp, u.row())
		maps.Copy(t.Rows["user_identifiers"], u.identifiers())
		t.tie("user_identifiers", &u.stamp)
		for _, s := range u.sessions {
			t.put("sessions", &s.stamp, s.row())
		}
	}
}

func (w *World) organizationTruth(t Truth) {
	for _, o := range w.orgs.items {
		t.put("organizations", &o.stamp, o.row())
		for _, m := range o.members.items {
			t.put("organization_memberships", &m.stamp, m.row())
		}
		for _, i := range o.invitations {
			t.put("organization_invitations", &i.stamp, i.row())
		}
	}
	for _, d := range w.domains.items {
		t.put("organization_domains", &d.stamp, d.row())
	}
}

// roleTruth lists what roles hold as their last event showed it, without the permissions that are gone since.
func (w *World) roleTruth(t Truth) {
	living := map[string]bool{}
	for _, p := range w.system {
		living[p.id] = true
	}
	for _, p := range w.permissions.items {
		living[p.id] = true
		t.put("permissions", &p.stamp, p.row())
	}
	for _, r := range w.roles.items {
		t.put("roles", &r.stamp, r.row(w))
		t.tie("role_permissions", &r.stamp)
		for _, p := range r.permissions {
			if living[p.id] {
				t.Rows["role_permissions"][r.id+"|"+p.id] = Row{"role_id": r.id, "permission_id": p.id, "permission_key": p.key}
			}
		}
	}
}

func (w *World) polledTruth() map[string]map[string]Row {
	polled := Truth{Rows: map[string]map[string]Row{"permissions": {}}}
	for _, p := range w.system {
		polled.put("permissions", &p.stamp, p.row())
	}
	return polled.Rows
}

func (t Truth) put(model string, s *stamp, row Row) {
	row["id"] = s.id
	row["created_at"] = at(s.created)
	row["updated_at"] = at(s.updated)
	t.Rows[model][s.id] = row
	t.tie(model, s)
}

func (t Truth) tie(model string, s *stamp) {
	if !s.tied {
		return
	}
	if t.Ties[model] == nil {
		t.Ties[model] = map[string]bool{}
	}
	t.Ties[model][s.id] = true
}

// at is a nullable time.
func at(ms int64) any {
	if ms == 0 {
		return nil
	}
	return time.UnixMilli(ms).UTC()
}
