package clerksim

import (
	"encoding/json"
	"fmt"
)

type organization struct {
	stamp
	name, slug, image string
	hasImage          bool
	noElevated        bool // no member has elevated permissions
	maxMembers        int
	adminDelete       bool
	public, private   json.RawMessage
	creator           string
	lastActive        int64
	roleSet           string
	noSlugs           bool // made where slugs are off: the field is "" or absent
	old               bool // older payload shape

	members     pool[*membership]
	invitations []*invitation
	domains     []*domain
	subs        *subscription
	pending     int // pending invitations
	deleted     bool
}

func (o *organization) data(w *World) object {
	d := object{{"object", "organization"}, {"id", o.id}, {"name", o.name}}
	if o.slug != "" || !w.chance(0.3) {
		d.add("slug", o.slug)
	}
	if o.image != "" {
		d.add("image_url", o.image)
	}
	d.add("has_image", o.hasImage)
	if !o.old {
		d.add("members_count", o.members.len())
	}
	if o.noElevated || !o.old {
		d.add("missing_member_with_elevated_permissions", o.noElevated)
		d.add("pending_invitations_count", o.pending)
	}
	d = append(d, object{{"max_allowed_memberships", o.maxMembers}, {"admin_delete_enabled", o.adminDelete}, {"public_metadata", metadata(o.public)}}...)
	if o.private != nil || !w.odd() {
		d.add("private_metadata", metadata(o.private))
	}
	if o.old {
		d.add("logo_url", nil)
	}
	if o.creator != "" {
		d.add("created_by", o.creator)
	}
	d = append(d, field{"created_at", o.created}, field{"updated_at", o.updated})
	if o.lastActive != 0 {
		d.add("last_active_at", w.day(o.lastActive))
	}
	if o.roleSet != "" || !o.old {
		d.add("role_set_key", text(o.roleSet))
	}
	return d
}

func (o *organization) nudge(*World) { o.maxMembers++ }

// publicData is what others may see of the organization.
func (o *organization) publicData() object {
	return object{{"id", o.id}, {"name", o.name}, {"slug", o.slug}, {"image_url", o.image}, {"has_image", o.hasImage}}
}

func (w *World) newOrganization(by *user) *organization {
	w.serial++
	o := &organization{
		stamp: stamp{id: w.id("org_")}, name: fmt.Sprintf("%s %d", one(w.r, companyNames()), w.serial), slug: fmt.Sprintf("org-%d", w.serial),
		image: w.image(), maxMembers: one(w.r, []int{0, 5, 50}), adminDelete: w.chance(0.9), public: w.newMetadata(0.4),
		private: w.newPrivateMetadata(), creator: by.id, roleSet: "role_set:default", lastActive: w.today(), old: w.odd(), noSlugs: w.chance(0.15),
	}
	if o.noSlugs {
		o.slug = ""
	}
	if w.odd() {
		o.image, o.creator, o.roleSet, o.lastActive = "", "", "", 0
	}
	return o
}

// foundOrganization queues a new organization with its creator as admin and some first members.
func (w *World) foundOrganization(members int) bool {
	by, ok := w.someUser(anyOne)
	if !ok {
		return false
	}
	o := w.newOrganization(by)
	if w.sparse() {
		o = &organization{stamp: stamp{id: o.id}, name: o.name, slug: o.slug, adminDelete: true, creator: by.id, roleSet: o.roleSet}
	}
	w.revise("organization.created", o, func() {
		o.created = w.now
		w.orgs.add(o)
	})
	w.join(o, by, "org:admin")
	if !w.sparse() && w.chance(0.5) {
		w.subscribe(w.organizationPayer(o))
	}
	joined := map[*user]bool{by: true}
	defer func() { w.enrolled += len(joined) }()
	for range members {
		u, ok := w.someUser(func(u *user) bool { return !joined[u] })
		if !ok {
			break
		}
		joined[u] = true
		w.join(o, u, w.commonRole())
	}
	return true
}

func (w *World) createOrganization() bool { return w.foundOrganization(w.r.IntN(3)) }

func (w *World) someOrganization() (*organization, bool) { return w.orgs.find(w.r, anyOne) }

func (w *World) editOrganization(change func(*organization)) bool {
	o, ok := w.someOrganization()
	if ok {
		w.revise("organization.updated", o, func() { change(o) })
	}
	return ok
}

func (w *World) renameOrganization() bool {
	return w.editOrganization(func(o *organization) {
		w.serial++
		o.name = fmt.Sprintf("%s %d", one(w.r, companyNames()), w.serial)
		if !o.noSlugs {
			o.slug = fmt.Sprintf("renamed-%d", w.serial)
		}
	})
}

func (w *World) editOrganizationSettings() bool {
	return w.editOrganization(func(o *organization) {
		o.public, o.adminDelete, o.noElevated = w.newMetadata(0.8), w.chance(0.8), w.chance(0.1)
		o.lastActive, o.hasImage = w.today(), !o.hasImage
	})
}

// deleteOrganization takes members, invitations and domains with it, with or without events of their own.
func (w *World) deleteOrganization() bool {
	o, ok := w.orgs.find(w.r, func(*organization) bool { return w.orgs.len() > 2 })
	if !ok {
		return false
	}
	members := append([]*membership(nil), o.members.items...)
	cascade := w.r.IntN(3)
	if cascade == 0 {
		w.partAll(members)
	}
	w.end("organization.deleted", o.id, func() { w.removeOrganization(o) }, func() object {
		gone := deletedObject("organization", o.id)
		if !w.odd() {
			gone.add("slug", o.slug)
		}
		return gone
	})
	if cascade == 1 {
		w.partAll(members)
	}
	if o.subs != nil && w.chance(0.5) {
		w.endPaidItems(o.subs)
	}
	return true
}

func (w *World) removeOrganization(o *organization) {
	o.deleted = true
	w.orgs.remove(o)
	for _, m := range append([]*membership(nil), o.members.items...) {
		w.removeMembership(m)
	}
	for _, i := range o.invitations {
		w.invitations.remove(i)
		w.invited.remove(i)
	}
	for _, d := range o.domains {
		w.domains.remove(d)
	}
	if o.subs != nil {
		w.payers.remove(o.subs)
	}
}
