package clerksim

import "fmt"

// RenameOrganization tells organization.updated. An empty slug stays as it is.
func (c *Clerk) RenameOrganization(orgID, name, slug string) error {
	return c.withOrganization(orgID, func(w *World, o *organization) {
		w.tell("organization.updated", o, func() { o.rename(name, slug) })
	})
}

// RenameOrganizationStill is RenameOrganization without moving updated_at, as EditProfileStill does.
func (c *Clerk) RenameOrganizationStill(orgID, name, slug string) error {
	return c.withOrganization(orgID, func(w *World, o *organization) {
		w.tellStill("organization.updated", o, func() { o.rename(name, slug) })
	})
}

func (o *organization) rename(name, slug string) {
	o.name = name
	if slug != "" {
		o.slug = slug
	}
}

// Invite tells organizationInvitation.created. The role must exist.
func (c *Clerk) Invite(orgID, address, role string) (invitationID string, err error) {
	c.lock()
	defer c.mu.Unlock()
	o, err := c.world.organizationByID(orgID)
	if err != nil {
		return "", err
	}
	if err := c.world.roleExists(role); err != nil {
		return "", err
	}
	c.direct(func(w *World) {
		r := w.roleByKey(role)
		i := &invitation{stamp: stamp{id: w.id("orginv_")}, org: o, address: address, url: w.ticket(), role: r.key, roleName: r.name}
		invitationID = i.id
		w.tell("organizationInvitation.created", i, func() {
			i.created, i.status, i.expires = w.now, "pending", w.now+30*86_400_000
			o.pending++
			o.invitations = append(o.invitations, i)
			w.invitations.add(i)
			w.invited.add(i)
		})
	})
	return invitationID, nil
}

// RevokeInvitation takes a pending invitation back.
func (c *Clerk) RevokeInvitation(id string) error {
	return within(c, func(w *World) *pool[*invitation] { return &w.invitations }, "pending invitation", id, func(w *World, i *invitation) {
		w.tell("organizationInvitation.revoked", i, func() { w.settle(i, "revoked") })
	})
}

// DeleteDomain tells organizationDomain.deleted.
func (c *Clerk) DeleteDomain(id string) error {
	return within(c, func(w *World) *pool[*domain] { return &w.domains }, "domain", id, func(w *World, d *domain) {
		w.end("organizationDomain.deleted", d.id, func() { w.domains.remove(d) }, func() object { return deletedObject("organization_domain", d.id) })
	})
}

// DeleteRole tells role.deleted and nothing of its holders. The two roles of every instance are ErrRefused.
func (c *Clerk) DeleteRole(key string) error {
	c.lock()
	defer c.mu.Unlock()
	if err := c.world.roleExists(key); err != nil {
		return err
	}
	r := c.world.roleByKey(key)
	if r.system {
		return fmt.Errorf("role %s is every instance's: %w", key, ErrRefused)
	}
	c.direct(func(w *World) {
		w.end("role.deleted", r.id, func() { w.roles.remove(r) }, func() object { return deletedObject("role", r.id) })
	})
	return nil
}

// JoinWaitlist tells waitlistEntry.created.
func (c *Clerk) JoinWaitlist(address string) (entryID string) {
	c.lock()
	defer c.mu.Unlock()
	c.direct(func(w *World) {
		e := &waitlistEntry{stamp: stamp{id: w.id("wle_")}, address: address, status: "pending"}
		entryID = e.id
		w.tell("waitlistEntry.created", e, func() {
			e.created = w.now
			w.entries.add(e)
		})
	})
	return entryID
}

// RejectFromWaitlist tells waitlistEntry.updated.
func (c *Clerk) RejectFromWaitlist(id string) error {
	return within(c, func(w *World) *pool[*waitlistEntry] { return &w.entries }, "waitlist entry", id, func(w *World, e *waitlistEntry) {
		w.tell("waitlistEntry.updated", e, func() { e.status = "rejected" })
	})
}

// SubscribeOrganization makes a subscription to the default plan, where the organization has none yet, and returns its id.
func (c *Clerk) SubscribeOrganization(orgID string) (subscriptionID string, err error) {
	err = c.withOrganization(orgID, func(w *World, o *organization) {
		if o.subs == nil {
			w.subscribe(w.organizationPayer(o))
		}
	})
	return c.subscriptionOf(orgID), err
}

// ChangePaymentSource tells subscription.updated with another payment source.
func (c *Clerk) ChangePaymentSource(subscriptionID string) error {
	return within(c, func(w *World) *pool[*subscription] { return &w.payers }, "subscription", subscriptionID, func(w *World, s *subscription) {
		w.tell("subscription.updated", s, func() { s.nudge(w) })
	})
}

func (c *Clerk) subscriptionOf(orgID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.world.orgs.get(orgID); ok && o.subs != nil {
		return o.subs.id
	}
	return ""
}

// within makes a directed change of something that a pool has.
func within[T pooled](c *Clerk, in func(*World) *pool[T], kind, id string, decide func(*World, T)) error {
	c.lock()
	defer c.mu.Unlock()
	x, err := byID(in(c.world), kind, id)
	if err == nil {
		c.direct(func(w *World) { decide(w, x) })
	}
	return err
}
