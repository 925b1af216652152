package clerksim

import (
	"fmt"
	"slices"
	"strings"
)

// CreateOrganization founds an organization whose creator is its admin.
func (c *Clerk) CreateOrganization(creatorID, name, slug string) (orgID string, err error) {
	err = c.withUser(creatorID, func(w *World, u *user) {
		o := &organization{
			stamp: stamp{id: w.id("org_")}, name: name, slug: slug, image: w.image(), adminDelete: true, creator: u.id, roleSet: "role_set:default", lastActive: w.today(),
		}
		orgID = o.id
		w.tell("organization.created", o, func() {
			o.created = w.now
			w.orgs.add(o)
		})
		w.enrol(o, u, "org:admin")
	})
	return orgID, err
}

// DeleteOrganization tells organization.deleted and nothing else, as DeleteUser does.
func (c *Clerk) DeleteOrganization(orgID string) error {
	return c.withOrganization(orgID, func(w *World, o *organization) {
		w.end("organization.deleted", o.id, func() { w.removeOrganization(o) }, func() object {
			return append(deletedObject("organization", o.id), field{"slug", o.slug})
		})
	})
}

func (c *Clerk) withOrganization(orgID string, decide func(*World, *organization)) error {
	c.lock()
	defer c.mu.Unlock()
	o, err := c.world.organizationByID(orgID)
	if err == nil {
		c.direct(func(w *World) { decide(w, o) })
	}
	return err
}

// AddDomain gives the organization a domain whose ownership is verified. mode is Clerk's enrollment_mode, for example enterprise_sso.
func (c *Clerk) AddDomain(orgID, name, mode string) (domainID string, err error) {
	err = c.withOrganization(orgID, func(w *World, o *organization) {
		d := &domain{stamp: stamp{id: w.id("orgdmn_")}, org: o, name: name, mode: mode}
		domainID = d.id
		w.tell("organizationDomain.created", d, func() {
			d.created, d.ownership = w.now, w.domainCheck("verified", "txt")
			o.domains = append(o.domains, d)
			w.domains.add(d)
		})
	})
	return domainID, err
}

// AddMember makes the user a member. Whoever is one already is ErrRefused, and so is a role that does not exist.
func (c *Clerk) AddMember(orgID, userID, role string) (membershipID string, err error) {
	c.lock()
	defer c.mu.Unlock()
	o, err := c.world.organizationByID(orgID)
	if err != nil {
		return "", err
	}
	u, err := c.world.userByID(userID)
	if err != nil {
		return "", err
	}
	if _, err := c.world.membershipFor(orgID, u); err == nil {
		return "", fmt.Errorf("user %s is a member of organization %s: %w", userID, orgID, ErrRefused)
	}
	if err := c.world.roleExists(role); err != nil {
		return "", err
	}
	var m *membership
	c.direct(func(w *World) { m = w.enrol(o, u, role) })
	return m.id, nil
}

// enrol is join without what chance adds.
func (w *World) enrol(o *organization, u *user, role string) *membership {
	m := &membership{stamp: stamp{id: w.id("orgmem_")}, org: o, user: u}
	w.tell("organizationMembership.created", m, func() {
		m.created = w.now
		m.assign(w, role)
		u.memberships = append(u.memberships, m)
		o.members.add(m)
		w.memberships.add(m)
	})
	return m
}

func (w *World) roleExists(key string) error {
	if slices.ContainsFunc(w.roles.items, func(r *role) bool { return r.key == key }) {
		return nil
	}
	return fmt.Errorf("role %q: %w", key, ErrNotFound)
}

// RemoveMember ends the user's membership.
func (c *Clerk) RemoveMember(orgID, userID string) error {
	return c.withMembership(orgID, userID, "", func(w *World, m *membership) { w.part(m) })
}

// ChangeRole gives the member another role, which must exist.
func (c *Clerk) ChangeRole(orgID, userID, role string) error {
	return c.withMembership(orgID, userID, role, func(w *World, m *membership) {
		w.tell("organizationMembership.updated", m, func() { m.assign(w, role) })
	})
}

func (c *Clerk) withMembership(orgID, userID, role string, decide func(*World, *membership)) error {
	c.lock()
	defer c.mu.Unlock()
	m, err := c.world.membership(orgID, userID)
	if err != nil {
		return err
	}
	if role != "" {
		if err := c.world.roleExists(role); err != nil {
			return err
		}
	}
	c.direct(func(w *World) { decide(w, m) })
	return nil
}

// DefineRole makes a role of the instance's own, or changes what one holds, and makes the permissions (org:<feature>:<action>) that are missing. Chance
// leaves both alone from then on. System permissions stay with the roles that have them.
func (c *Clerk) DefineRole(key string, permissions ...string) error {
	for _, p := range permissions {
		if feature, action := splitPermission(p); !strings.HasPrefix(p, "org:") || feature == "" || action == "" {
			return fmt.Errorf("permission %q is not org:<feature>:<action>: %w", p, ErrRefused)
		}
	}
	c.lock()
	defer c.mu.Unlock()
	if c.world.founded == 0 {
		return fmt.Errorf("the founding, which makes the first roles, has not begun: %w", ErrRefused)
	}
	c.direct(func(w *World) {
		held := make([]*permission, len(permissions))
		for i, p := range permissions {
			held[i] = w.definePermission(p)
		}
		i := slices.IndexFunc(w.roles.items, func(r *role) bool { return r.key == key })
		if i < 0 {
			r := &role{stamp: stamp{id: w.id("role_")}, name: strings.TrimPrefix(key, "org:"), key: key, held: held, pinned: true}
			w.tell("role.created", r, func() { r.begin(w) })
			return
		}
		r := w.roles.items[i]
		w.tell("role.updated", r, func() {
			r.pinned = true
			r.held = append(slices.DeleteFunc(slices.Clone(r.held), func(p *permission) bool {
				return p.kind == "custom" || slices.Contains(held, p)
			}), held...)
			r.show()
		})
	})
	return nil
}

func (w *World) definePermission(key string) *permission {
	for _, p := range slices.Concat(w.permissions.items, w.system) {
		if p.key == key {
			p.pinned = true
			return p
		}
	}
	p := &permission{stamp: stamp{id: w.id("perm_")}, name: strings.TrimPrefix(key, "org:"), key: key, kind: "custom", pinned: true}
	w.tell("permission.created", p, func() {
		p.created = w.now
		w.permissions.add(p)
	})
	return p
}
