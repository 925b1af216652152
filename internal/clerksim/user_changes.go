package clerksim

import (
	"fmt"
	"slices"
)

// someUser is any living user; change steps that need one do nothing without.
func (w *World) someUser(fits func(*user) bool) (*user, bool) { return w.users.find(w.r, fits) }

// edit queues user.updated for the first user found who fits.
func (w *World) edit(fits func(*user) bool, change func(*user)) bool {
	u, ok := w.someUser(fits)
	if ok {
		w.revise("user.updated", u, func() { change(u) })
	}
	return ok
}

func (w *World) editProfile() bool {
	return w.edit(anyOne, func(u *user) {
		u.first, u.last = one(w.r, firstNames()), one(w.r, lastNames())
		if w.chance(0.4) {
			u.image, u.hasImage = w.image(), true
		}
		if w.chance(0.2) {
			w.serial++
			u.username = fmt.Sprintf("name-%d", w.serial)
		}
		u.lastActive = w.today()
	})
}

func (w *World) editMetadata() bool {
	return w.edit(anyOne, func(u *user) {
		u.public, u.unsafe, u.private = w.newMetadata(0.8), w.newMetadata(0.5), w.newPrivateMetadata()
	})
}

func (w *World) linkCRM() bool {
	return w.edit(anyOne, func(u *user) {
		if w.chance(0.2) {
			u.externalID = ""
			return
		}
		w.serial++
		u.externalID = fmt.Sprintf("crm-%06d", w.serial)
	})
}

// addEmail adds an address that is proved later, or never.
func (w *World) addEmail() bool {
	return w.edit(func(u *user) bool { return len(u.emails) < 4 }, func(u *user) {
		e := w.giveEmail(u)
		if w.chance(0.4) && u.primaryEmail != e.id {
			e.proved = w.doubt("verification_otp", "email_code")
		}
	})
}

// switchEmail makes another address the primary one. The list keeps its order, so the primary is no longer element 0.
func (w *World) switchEmail() bool {
	return w.edit(func(u *user) bool { return len(u.emails) > 1 }, func(u *user) {
		e := one(w.r, u.emails)
		for e.id == u.primaryEmail {
			e = one(w.r, u.emails)
		}
		e.proved, e.updated = w.proof("verification_otp", "email_code"), w.now
		u.primaryEmail = e.id
	})
}

func (w *World) dropEmail() bool {
	return w.edit(func(u *user) bool { return len(u.emails) > 1 }, func(u *user) {
		u.removeEmail(one(w.r, u.emails))
	})
}

func (u *user) removeEmail(e *email) {
	u.emails = slices.DeleteFunc(slices.Clone(u.emails), func(x *email) bool { return x == e })
	if u.primaryEmail != e.id {
		return
	}
	u.primaryEmail = ""
	if n := len(u.emails); n > 0 {
		u.primaryEmail = u.emails[n-1].id
	}
}

// moveEmail takes an address from one user and gives it, under a new id, to another. A late message of the first makes both claim it.
func (w *World) moveEmail() bool {
	from, ok := w.someUser(func(u *user) bool { return len(u.emails) > 0 && (len(u.emails) > 1 || len(u.phones) > 0) })
	if !ok {
		return false
	}
	to, ok := w.someUser(func(u *user) bool { return u != from })
	if !ok {
		return false
	}
	moved := one(w.r, from.emails)
	w.revise("user.updated", from, func() { from.removeEmail(moved) })
	w.revise("user.updated", to, func() {
		e := w.newEmail(moved.address)
		to.emails = append(to.emails, e)
		if to.primaryEmail == "" || w.chance(0.3) {
			to.primaryEmail = e.id
		}
	})
	return true
}

func (w *World) changePhone() bool {
	return w.edit(anyOne, func(u *user) {
		if len(u.phones) > 0 && u.primaryEmail != "" && w.chance(0.5) {
			u.phones, u.primaryPhone = u.phones[:0:0], ""
			return
		}
		w.givePhone(u)
		u.primaryPhone = u.phones[len(u.phones)-1].id
	})
}

func (w *World) changeFactors() bool {
	return w.edit(anyOne, func(u *user) {
		u.twoFactor = !u.twoFactor
		u.totp, u.backupCode = u.twoFactor, u.twoFactor && w.chance(0.5)
		if u.twoFactor {
			u.factorOn = w.now
		} else {
			u.factorOff = w.now
		}
		if w.chance(0.3) {
			u.passkeys = append(slices.Clip(u.passkeys), &passkey{id: w.id("idn_"), name: "Security key", used: 0})
		}
	})
}

func (w *World) connectAccount() bool {
	return w.edit(func(u *user) bool { return len(u.accounts)+len(u.enterprise) < 4 }, func(u *user) {
		switch n := w.r.IntN(10); {
		case n < 6:
			u.accounts = append(u.accounts, w.newAccount(u))
		case n < 8:
			u.enterprise = append(u.enterprise, w.newEnterpriseAccount(u))
		default:
			w.giveWallet(u)
		}
	})
}

func (w *World) disconnectAccount() bool {
	return w.edit(func(u *user) bool { return len(u.accounts) > 0 }, func(u *user) {
		u.accounts = u.accounts[:len(u.accounts)-1]
	})
}

func (w *World) lock() bool {
	return w.edit(func(u *user) bool { return !u.locked }, func(u *user) { u.locked = true })
}

func (w *World) unlock() bool {
	return w.edit(func(u *user) bool { return u.locked }, func(u *user) { u.locked = false })
}

func (w *World) unban() bool {
	return w.edit(func(u *user) bool { return u.banned }, func(u *user) { u.banned = false })
}

// ban revokes all sessions of the user, each with an event of its own.
func (w *World) ban() bool {
	u, ok := w.someUser(func(u *user) bool { return !u.banned })
	if ok {
		w.revise("user.updated", u, func() { u.banned = true })
		w.revokeAll(u)
	}
	return ok
}

// deprovision is what an identity provider's delete becomes: an update, not a deletion.
func (w *World) deprovision() bool {
	u, ok := w.someUser(func(u *user) bool { return u.directory != "" && !u.deprovisioned })
	if ok {
		w.revise("user.updated", u, func() { u.deprovisioned = true })
		w.revokeAll(u)
	}
	return ok
}

func (w *World) reprovision() bool {
	return w.edit(func(u *user) bool { return u.deprovisioned }, func(u *user) { u.deprovisioned = false })
}

func (w *World) revokeAll(u *user) {
	for _, s := range u.sessions {
		if w.sessions.has(s) {
			w.closeSession(s, "revoked")
		}
	}
}
