package clerksim

import (
	"fmt"
	"slices"
)

// role holds permissions; what its last event showed of them stays as it was when one of them is edited.
type role struct {
	stamp
	name, key, description string
	creatorEligible        bool
	system                 bool
	pinned                 bool // defined by somebody: chance leaves it alone
	held                   []*permission
	permissions            []permission // as of the last event
}

func (r *role) data(w *World) object {
	shown := make([]object, len(r.permissions))
	for i := range r.permissions {
		shown[i] = r.permissions[i].data(w)
	}
	return object{
		{"object", "role"}, {"id", r.id}, {"name", r.name}, {"key", r.key}, {"description", text(r.description)},
		{"is_creator_eligible", r.creatorEligible}, {"permissions", shown}, {"created_at", r.created}, {"updated_at", r.updated},
	}
}

func (r *role) nudge(w *World) {
	w.serial++
	r.description = fmt.Sprintf("Revision %d", w.serial)
}

// show takes the held permissions into the role's event as they are now.
func (r *role) show() {
	r.permissions = make([]permission, len(r.held))
	for i, p := range r.held {
		r.permissions[i] = *p
	}
}

// roleByKey is a living role, or the one of an ordinary member, which is never deleted.
func (w *World) roleByKey(key string) *role {
	var member *role
	for _, r := range w.roles.items {
		if r.key == key {
			return r
		}
		if r.key == "org:member" {
			member = r
		}
	}
	return member
}

// commonRole is what new members mostly get.
func (w *World) commonRole() string {
	switch n := w.r.IntN(10); {
	case n < 6:
		return "org:member"
	case n < 8:
		return "org:admin"
	}
	return one(w.r, w.roles.items).key
}

// foundRoles queues the two roles of every instance and some of its own.
func (w *World) foundRoles() {
	for range 4 {
		w.createPermission()
	}
	system := []*role{
		{name: "Admin", key: "org:admin", creatorEligible: true, held: slices.Clone(w.system)},
		{name: "Member", key: "org:member", held: []*permission{w.system[2], w.system[6]}},
	}
	for _, r := range system {
		r.id, r.system = w.id("role_"), true
		w.tell("role.created", r, func() { r.begin(w) })
	}
	for range 3 {
		w.createRole()
	}
}

func (r *role) begin(w *World) {
	r.created = w.now
	w.roles.add(r)
	r.show()
}

// createRole stops at ten custom roles, Clerk's default limit.
func (w *World) createRole() bool {
	if w.roles.len() >= 12 {
		return false
	}
	w.serial++
	r := &role{
		stamp: stamp{id: w.id("role_")}, name: fmt.Sprintf("%s %d", one(w.r, []string{"Bookkeeper", "Auditor", "Entwickler"}), w.serial),
		key: fmt.Sprintf("org:custom_%d", w.serial), creatorEligible: w.chance(0.2),
	}
	w.revise("role.created", r, func() {
		for _, p := range w.permissions.items {
			if w.chance(0.4) {
				r.held = append(r.held, p)
			}
		}
		r.begin(w)
	})
	return true
}

func (w *World) editRole() bool {
	r, ok := w.roles.find(w.r, func(r *role) bool { return !r.pinned })
	if !ok {
		return false
	}
	w.revise("role.updated", r, func() {
		if !r.system {
			w.serial++
			r.name = fmt.Sprintf("Renamed role %d", w.serial)
		}
		if p, ok := w.permissions.find(w.r, func(p *permission) bool { return !slices.Contains(r.held, p) }); ok && w.chance(0.6) {
			r.held = append(slices.Clone(r.held), p)
		} else if n := len(r.held); n > 0 {
			r.held = slices.Clone(r.held)[:n-1]
		}
		r.show()
	})
	return true
}

// deleteRole gives some holders another role. Those that are left keep the name of a role that is gone, until something else changes them.
func (w *World) deleteRole() bool {
	r, ok := w.roles.find(w.r, func(r *role) bool { return !r.system && !r.pinned })
	if !ok {
		return false
	}
	w.end("role.deleted", r.id, func() { w.roles.remove(r) }, func() object {
		if w.chance(0.4) {
			return r.data(w)
		}
		return append(deletedObject("role", r.id), field{"slug", nil})
	})
	moved := 0
	for _, m := range w.memberships.items {
		if m.role == r.key && moved < 10 && w.chance(0.7) {
			moved++
			w.revise("organizationMembership.updated", m, func() { m.assign(w, "org:member") })
		}
	}
	return true
}
