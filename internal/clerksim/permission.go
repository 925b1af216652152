package clerksim

import (
	"fmt"
	"slices"
)

type permission struct {
	stamp
	name, key, description, kind string
	pinned                       bool // part of a role that somebody defined: chance does not delete it
}

func (p *permission) data(*World) object {
	return object{
		{"object", "permission"}, {"id", p.id}, {"name", p.name}, {"key", p.key}, {"description", p.description}, {"type", p.kind},
		{"created_at", p.created}, {"updated_at", p.updated},
	}
}

func (p *permission) nudge(w *World) {
	w.serial++
	p.description = fmt.Sprintf("Revision %d", w.serial)
}

func (w *World) systemPermissions() []*permission {
	var list []*permission
	for _, key := range []string{"profile:manage", "profile:delete", "memberships:read", "memberships:manage", "domains:read", "domains:manage",
		"billing:read", "billing:manage", "entconns:manage"} {
		born := w.now - 1_000_000_000
		list = append(list, &permission{stamp: stamp{id: w.id("perm_"), created: born, updated: born}, name: key, key: "org:sys_" + key, kind: "system"})
	}
	return list
}

func (w *World) createPermission() bool {
	if w.permissions.len() >= 20 {
		return false
	}
	w.serial++
	feature, action := one(w.r, []string{"invoices", "projects", "reports"}), one(w.r, []string{"read", "manage", "export"})
	p := &permission{
		stamp: stamp{id: w.id("perm_")}, name: fmt.Sprintf("%s %s %d", action, feature, w.serial),
		key: fmt.Sprintf("org:%s:%s_%d", feature, action, w.serial), description: "Lets the holder " + action + " " + feature, kind: "custom",
	}
	w.revise("permission.created", p, func() {
		p.created = w.now
		w.permissions.add(p)
	})
	return true
}

func (w *World) editPermission() bool {
	p, ok := w.permissions.find(w.r, anyOne)
	if ok {
		w.revise("permission.updated", p, func() {
			w.serial++
			p.name, p.description = fmt.Sprintf("Renamed %d", w.serial), one(w.r, []string{"", "Read & export", "Ändern"})
		})
	}
	return ok
}

// deletePermission also changes every role that held it, each with an event.
func (w *World) deletePermission() bool {
	p, ok := w.permissions.find(w.r, func(p *permission) bool { return !p.pinned })
	if !ok {
		return false
	}
	w.end("permission.deleted", p.id, func() { w.permissions.remove(p) }, func() object {
		if w.chance(0.4) { // the typed libraries say the full object, the schema says the short one
			return p.data(w)
		}
		return deletedObject("permission", p.id)
	})
	for _, r := range w.roles.items {
		if slices.Contains(r.held, p) {
			w.revise("role.updated", r, func() {
				r.held = slices.DeleteFunc(slices.Clone(r.held), func(x *permission) bool { return x == p })
				r.show()
			})
		}
	}
	return true
}
