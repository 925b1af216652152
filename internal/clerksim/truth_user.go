package clerksim

import "strings"

func (u *user) row() Row {
	row := Row{
		"external_id": text(u.externalID), "username": text(u.username), "first_name": text(u.first), "last_name": text(u.last),
		"image_url": text(u.image), "primary_email": nil, "primary_email_verified": false, "primary_phone": nil,
		"banned": u.banned, "locked": u.locked, "deprovisioned": u.deprovisioned, "password_enabled": u.password, "two_factor_enabled": u.twoFactor,
		"email_addresses":     decoded(each(u.emails, (*email).data)),
		"phone_numbers":       decoded(each(u.phones, (*phone).data)),
		"external_accounts":   decoded(each(u.accounts, (*account).data)),
		"enterprise_accounts": decoded(each(u.enterprise, func(a *enterpriseAccount) object { return a.data(u.samlOnly) })),
		"public_metadata":     decoded(metadata(u.public)),
		"unsafe_metadata":     decoded(metadata(u.unsafe)),
		"last_sign_in_at":     at(u.lastSignIn), "last_active_at": at(u.lastActive),
	}
	if e := u.mail(); e != nil {
		row["primary_email"], row["primary_email_verified"] = e.address, e.proved.verified()
	}
	if p := u.number(); p != nil {
		row["primary_phone"] = p.number
	}
	return row
}

// identifiers is everything the user can be found by. What is told twice is verified if either is.
func (u *user) identifiers() map[string]Row {
	rows := map[string]Row{}
	add := func(kind, value string, verified bool) {
		if value == "" {
			return
		}
		key := u.id + "|" + kind + "|" + value
		if before, ok := rows[key]; ok {
			verified = verified || before["verified"].(bool)
		}
		rows[key] = Row{"user_id": u.id, "kind": kind, "value": value, "verified": verified}
	}
	for _, e := range u.emails {
		add("email", strings.ToLower(e.address), e.proved.verified())
	}
	for _, p := range u.phones {
		add("phone", p.number, p.proved.verified())
	}
	for _, x := range u.wallets {
		add("web3_wallet", x.address, x.proved.verified())
	}
	for _, a := range u.accounts {
		add(a.provider, a.subject, a.proved.verified())
	}
	for _, a := range u.enterprise {
		add(a.provider(), a.subject, a.proved.verified())
	}
	add("username", u.username, true)
	add("external_id", u.externalID, true)
	return rows
}

func (s *session) row() Row {
	return Row{
		"user_id": s.user.id, "client_id": s.client, "status": s.status, "actor": decoded(s.actor),
		"last_active_organization_id": text(s.organization), "last_active_at": at(s.lastActive), "latest_activity": decoded(s.activity),
		"expire_at": at(s.expire), "abandon_at": at(s.abandon),
	}
}

// row hides the ticket of the invitation, which ends at the webhook.
func (e *waitlistEntry) row() Row {
	invitation := decoded(e.invitation)
	if o, ok := invitation.(map[string]any); ok {
		if _, ok := o["url"]; ok {
			o["url"] = nil
		}
	}
	return Row{"email_address": e.address, "status": e.status, "is_locked": e.locked, "invitation": invitation}
}
