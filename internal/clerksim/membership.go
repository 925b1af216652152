package clerksim

import (
	"encoding/json"
	"slices"
)

// membership keeps copies of its role's name and permissions as of its last event: editing a role tells nothing about its holders.
type membership struct {
	stamp
	org             *organization
	user            *user
	role, roleName  string
	permissions     []string
	public, private json.RawMessage
	bare            bool // lacks role_name
}

func (m *membership) data(w *World) object {
	o := object{{"id", m.id}, {"object", "organization_membership"}, {"role", m.role}}
	if !m.bare {
		o.add("role_name", m.roleName)
	}
	o = append(o, field{"permissions", m.permissions}, field{"public_metadata", metadata(m.public)})
	if m.private != nil || !w.odd() {
		o.add("private_metadata", metadata(m.private))
	}
	who := m.user.publicData()
	if w.odd() {
		who = who.without("username", "banned", "deprovisioned")
	}
	return append(o, object{
		{"organization", m.org.data(w)}, {"public_user_data", who}, {"created_at", m.created}, {"updated_at", m.updated},
	}...)
}

func (m *membership) nudge(w *World) {
	w.serial++
	m.public = appendJSON(nil, object{{"revision", w.serial}})
}

// assign gives the role as it is now, or that of an ordinary member where the role was deleted meanwhile.
func (m *membership) assign(w *World, key string) {
	r := w.roleByKey(key)
	m.role, m.roleName = r.key, r.name
	m.permissions = make([]string, 0, len(r.permissions))
	for _, p := range r.permissions {
		m.permissions = append(m.permissions, p.key)
	}
}

// join queues a membership. Whoever left and comes back gets a new id.
func (w *World) join(o *organization, u *user, role string) {
	m := &membership{stamp: stamp{id: w.id("orgmem_")}, org: o, user: u}
	if !w.sparse() {
		m.public, m.private, m.bare = w.newMetadata(0.15), w.newPrivateMetadata(), w.odd()
	}
	w.revise("organizationMembership.created", m, func() {
		m.created = w.now
		m.assign(w, role)
		u.memberships = append(u.memberships, m)
		o.members.add(m)
		w.memberships.add(m)
	})
}

// part queues the end of a membership. Its message carries the whole object with the updated_at of its last change.
func (w *World) part(m *membership) {
	w.end("organizationMembership.deleted", m.id, func() { w.removeMembership(m) }, func() object { return m.data(w) })
}

func (w *World) removeMembership(m *membership) {
	w.memberships.remove(m)
	m.org.members.remove(m)
	m.user.memberships = slices.DeleteFunc(slices.Clone(m.user.memberships), func(x *membership) bool { return x == m })
}

func (w *World) outsider(o *organization) (*user, bool) {
	return w.someUser(func(u *user) bool {
		return !slices.ContainsFunc(u.memberships, func(m *membership) bool { return m.org == o })
	})
}

func (w *World) addMember() bool {
	o, ok := w.someOrganization()
	if !ok {
		return false
	}
	u, ok := w.outsider(o)
	if ok {
		w.join(o, u, w.commonRole())
	}
	return ok
}

func (w *World) changeRole() bool {
	m, ok := w.memberships.find(w.r, anyOne)
	if ok {
		w.revise("organizationMembership.updated", m, func() {
			m.assign(w, one(w.r, w.roles.items).key)
			if w.chance(0.3) {
				m.public = w.newMetadata(0.7)
			}
		})
	}
	return ok
}

func (w *World) leave() bool {
	m, ok := w.memberships.find(w.r, func(m *membership) bool { return m.org.members.len() > 1 })
	if ok {
		w.part(m)
	}
	return ok
}

// rejoin has someone leave and come back at once; late messages of the first membership must not touch the second.
func (w *World) rejoin() bool {
	m, ok := w.memberships.find(w.r, anyOne)
	if ok {
		w.part(m)
		w.join(m.org, m.user, w.commonRole())
	}
	return ok
}
