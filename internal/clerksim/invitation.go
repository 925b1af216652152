package clerksim

import "encoding/json"

type invitation struct {
	stamp
	org                             *organization
	address, role, roleName, status string
	inviter                         *user
	accepter                        string
	public, private                 json.RawMessage
	url                             string
	expires                         int64
}

func (i *invitation) data(w *World) object {
	o := object{
		{"object", "organization_invitation"}, {"id", i.id}, {"email_address", i.address}, {"role", i.role}, {"role_name", i.roleName},
		{"organization_id", i.org.id},
	}
	switch {
	case i.inviter != nil:
		o.add("inviter_id", i.inviter.id)
		if !w.odd() {
			o.add("public_inviter_data", i.inviter.publicData().without("profile_image_url", "username", "banned", "deprovisioned"))
		}
	case !w.odd():
		o.add("inviter_id", nil)
		o.add("public_inviter_data", nil)
	}
	if !w.odd() { // an absent status is what the verb says
		o.add("status", i.status)
	}
	o = append(o, field{"public_metadata", metadata(i.public)}, field{"private_metadata", metadata(i.private)})
	o = append(o, object{{"url", text(i.url)}, {"expires_at", millis(i.expires)}, {"created_at", i.created}, {"updated_at", i.updated}}...)
	if !w.odd() {
		o.add("public_organization_data", i.org.publicData())
	}
	if i.accepter != "" {
		o.add("user_id", i.accepter)
	}
	return o
}

func (w *World) invite() bool {
	o, ok := w.someOrganization()
	if !ok {
		return false
	}
	i := &invitation{
		stamp: stamp{id: w.id("orginv_")}, org: o, address: w.mailbox(), public: w.newMetadata(0.15), private: w.newPrivateMetadata(), url: w.ticket(),
	}
	if o.members.len() > 0 && w.chance(0.9) {
		i.inviter = one(w.r, o.members.items).user
	}
	r := w.roleByKey(w.commonRole())
	i.role, i.roleName = r.key, r.name
	w.tell("organizationInvitation.created", i, func() {
		i.created, i.status = w.now, "pending"
		if w.chance(0.9) {
			i.expires = w.now + 30*86_400_000
		}
		o.pending++
		o.invitations = append(o.invitations, i)
		w.invitations.add(i)
		w.invited.add(i)
	})
	if w.chance(w.cfg.TieRate * 3) {
		w.revokeAtOnce(i)
	}
	return true
}

func (w *World) settle(i *invitation, status string) {
	i.status = status
	i.org.pending--
	w.invitations.remove(i)
	if w.chance(0.7) {
		i.url = ""
	}
}

// revokeAtOnce takes the invitation back in the millisecond of its creation, on both clocks. It is no tie: an invitation never becomes
// pending again.
func (w *World) revokeAtOnce(i *invitation) {
	w.then(func() Message {
		w.settle(i, "revoked")
		return w.message("organizationInvitation.revoked", i.id, i.data(w), i.envelope, true)
	})
}

func (w *World) revokeInvitation() bool {
	i, ok := w.invitations.find(w.r, anyOne)
	if ok {
		w.tell("organizationInvitation.revoked", i, func() { w.settle(i, "revoked") })
	}
	return ok
}

// acceptInvitation makes a member of someone who is there, or of someone who signs up for it.
func (w *World) acceptInvitation() bool {
	i, ok := w.invitations.find(w.r, anyOne)
	if !ok {
		return false
	}
	u, ok := w.outsider(i.org)
	if !ok || w.chance(0.4) {
		u = w.signUp()
	}
	w.tell("organizationInvitation.accepted", i, func() {
		w.settle(i, "accepted")
		i.accepter = u.id
	})
	w.join(i.org, u, i.role)
	return true
}
