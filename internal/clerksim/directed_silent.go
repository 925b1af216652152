package clerksim

import (
	"fmt"
	"slices"
)

// silently makes a change that no webhook tells.
func (c *Clerk) silently(change func(*World) error) error {
	c.lock()
	defer c.mu.Unlock()
	w := c.world
	w.live = w.clock != nil
	w.pass(1)
	w.revision++
	return change(w)
}

// Visit moves the user's last_active_at to tomorrow and last_sign_in_at to now, which Clerk does without an event. moved says whether updated_at moves along.
func (c *Clerk) Visit(userID string, moved bool) error {
	return c.silently(func(w *World) error {
		u, err := w.userByID(userID)
		if err != nil {
			return err
		}
		u.lastActive, u.lastSignIn = w.today()+86_400_000, w.now
		if moved {
			u.updated = w.now
		}
		w.users.touch(u.id)
		return nil
	})
}

// FalseDeletion is a message that says of a living user, organization or membership that it was deleted. Nothing is: whoever delivers it plants a wrong
// tombstone. It is not handed out by Next.
func (c *Clerk) FalseDeletion(id string) (Message, error) {
	c.lock()
	defer c.mu.Unlock()
	w := c.world
	w.live = w.clock != nil
	w.pass(1)
	if _, ok := w.users.get(id); ok {
		return w.message("user.deleted", id, deletedObject("user", id), w.now, true), nil
	}
	if _, ok := w.orgs.get(id); ok {
		return w.message("organization.deleted", id, deletedObject("organization", id), w.now, true), nil
	}
	if m, ok := w.memberships.get(id); ok {
		return w.message("organizationMembership.deleted", id, m.data(w), w.now, true), nil
	}
	return Message{}, fmt.Errorf("user, organization or membership %q: %w", id, ErrNotFound)
}

// SwitchConnection makes an enterprise connection active or not. Accounts that came by it show it as it was, until their own next event.
func (c *Clerk) SwitchConnection(id string, active bool) error {
	return c.silently(func(w *World) error {
		i := slices.IndexFunc(w.connections, func(o object) bool { return o.get("id") == id })
		if i < 0 {
			return fmt.Errorf("enterprise connection %q: %w", id, ErrNotFound)
		}
		changed := slices.Clone(w.connections[i])
		changed.set("active", active)
		changed.set("updated_at", w.now)
		w.connections[i] = changed
		return nil
	})
}

// AddConnection makes an enterprise connection of an organization, or of the instance where orgID is empty. provider is for example saml_okta.
func (c *Clerk) AddConnection(name, domain, provider, orgID string) (id string, err error) {
	err = c.silently(func(w *World) error {
		if orgID != "" {
			if _, err := w.organizationByID(orgID); err != nil {
				return err
			}
		}
		made := slices.Clone(w.connections[0])
		id = w.id("samlc_")
		for key, value := range map[string]any{
			"id": id, "name": name, "domain": domain, "domains": []string{domain}, "active": true, "provider": provider, "created_at": w.now, "updated_at": w.now,
		} {
			made.set(key, value)
		}
		made = made.without("organization_id")
		if orgID != "" {
			made.add("organization_id", orgID)
		}
		w.connections = append(slices.Clip(w.connections), made)
		return nil
	})
	return id, err
}

// RemoveConnection removes an enterprise connection. The last one is ErrRefused.
func (c *Clerk) RemoveConnection(id string) error {
	return c.silently(func(w *World) error {
		i := slices.IndexFunc(w.connections, func(o object) bool { return o.get("id") == id })
		switch {
		case i < 0:
			return fmt.Errorf("enterprise connection %q: %w", id, ErrNotFound)
		case len(w.connections) == 1:
			return fmt.Errorf("enterprise connection %s is the last one: %w", id, ErrRefused)
		}
		w.connections = slices.Delete(slices.Clone(w.connections), i, i+1)
		return nil
	})
}

// DefineRoleSet makes a role set of the given roles, which must exist, or changes the one of that key.
func (c *Clerk) DefineRoleSet(key, name string, roles ...string) error {
	return c.silently(func(w *World) error {
		for _, r := range roles {
			if err := w.roleExists(r); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(w.roleSets, func(s *roleSet) bool { return s.key == key })
		if i < 0 {
			i = len(w.roleSets)
			w.roleSets = append(w.roleSets, &roleSet{stamp: stamp{id: w.id("rset_"), created: w.now}, key: key})
		}
		s := w.roleSets[i]
		s.name, s.roles, s.updated = name, append([]string{}, roles...), w.now
		return nil
	})
}

// SwitchDirectory enables a SCIM directory or disables it; "" is the one that every instance has.
func (c *Clerk) SwitchDirectory(id string, enabled bool) error {
	return c.silently(func(w *World) error {
		for _, d := range w.directories {
			if id == "" || d.id == id {
				d.enabled, d.updated = enabled, w.now
				return nil
			}
		}
		return fmt.Errorf("scim directory %q: %w", id, ErrNotFound)
	})
}

// set changes a field that is there.
func (o object) set(key string, value any) {
	for i := range o {
		if o[i].key == key {
			o[i].value = value
		}
	}
}
