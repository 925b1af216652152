package clerksim

import "fmt"

// newUser invents someone who signed up one of the many ways there are. Everything is set before the first event.
func (w *World) newUser() *user {
	u := &user{
		stamp:      stamp{id: w.id("user_"), created: w.now},
		image:      w.image(),
		hasImage:   w.chance(0.3),
		lastActive: w.today(),
		old:        w.odd(),
		empties:    w.odd(),
		samlOnly:   w.chance(0.3),
		public:     w.newMetadata(0.4),
		private:    w.newPrivateMetadata(),
		unsafe:     w.newMetadata(0.25),
	}
	if w.odd() {
		u.image = ""
	}
	if w.chance(0.9) {
		u.first, u.last = one(w.r, firstNames()), one(w.r, lastNames())
	}
	if w.chance(0.15) {
		w.serial++
		u.username = fmt.Sprintf("user_%d", w.serial)
	}
	if w.chance(0.2) {
		w.serial++
		u.externalID = fmt.Sprintf("crm-%06d", w.serial)
	}
	if w.chance(0.5) {
		u.locale, u.legalAccepted = one(w.r, []string{"en-US", "nb-NO", "ja-JP", "pt"}), w.now
	}
	w.giveIdentity(u)
	return u
}

// giveIdentity gives at least one thing to sign in with; name, e-mail and phone may all be missing.
func (w *World) giveIdentity(u *user) {
	switch n := w.r.IntN(100); {
	case n < 50:
		w.giveEmail(u)
		u.password, u.passwordAt = true, w.now
	case n < 66:
		w.giveEmail(u)
		u.accounts = append(u.accounts, w.newAccount(u))
	case n < 75:
		w.giveEmail(u)
		u.enterprise = append(u.enterprise, w.newEnterpriseAccount(u))
		if w.chance(0.5) {
			u.directory = w.id("dir_")
		}
	case n < 81:
		w.givePhone(u)
		u.first, u.last = "", ""
	case n < 84:
		w.serial++
		u.username, u.password = fmt.Sprintf("solo-%d", w.serial), true
	case n < 87:
		w.giveWallet(u)
		u.first, u.last = "", ""
	case n < 92:
		w.giveEmail(u)
		u.emails[0].proved = w.doubt("verification_otp", "email_code")
		if w.chance(0.3) {
			u.emails[0].proved = nil
		}
	default:
		w.giveEverything(u)
	}
}

// giveEverything makes a rich user, whose primary e-mail is not the first of the list.
func (w *World) giveEverything(u *user) {
	for range 3 {
		w.giveEmail(u)
	}
	u.primaryEmail = u.emails[w.between(1, 2)].id
	w.givePhone(u)
	w.giveWallet(u)
	u.accounts = append(u.accounts, w.newAccount(u), w.newAccount(u))
	u.enterprise = append(u.enterprise, w.newEnterpriseAccount(u))
	u.passkeys = append(u.passkeys, &passkey{id: w.id("idn_"), name: "Chrome on Linux", used: w.now})
	u.password, u.twoFactor, u.totp, u.factorOn = true, true, true, w.now
	if w.chance(0.3) { // imported twice with another spelling, proved once
		twin := w.newEmail(upper(u.emails[0].address))
		twin.proved = w.doubt("verification_otp", "email_code")
		u.emails = append(u.emails, twin)
	}
}

// upper writes an address in capitals; it is the same mailbox.
func upper(address string) string {
	b := []byte(address)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func (w *World) giveEmail(u *user) *email {
	e := w.newEmail(w.mailbox())
	u.emails = append(u.emails, e)
	if u.primaryEmail == "" {
		u.primaryEmail = e.id
	}
	return e
}

func (w *World) givePhone(u *user) {
	p := w.newPhone()
	u.phones = append(u.phones, p)
	if u.primaryPhone == "" {
		u.primaryPhone = p.id
	}
}

func (w *World) giveWallet(u *user) {
	x := w.newWallet()
	u.wallets = append(u.wallets, x)
	if u.primaryWallet == "" {
		u.primaryWallet = x.id
	}
}

// signUp queues a new user with what comes with it: a verification code first, a session and perhaps a subscription after.
func (w *World) signUp() *user {
	if w.sparse() {
		return w.signUpSparsely()
	}
	u := w.newUser()
	if e := u.mail(); e != nil && w.chance(0.3) {
		w.mailCode(e.address, e.id, nil)
	}
	if p := u.number(); p != nil {
		w.textCode(p.number, p.id, nil)
	}
	w.revise("user.created", u, func() {
		u.created = w.now
		u.lastSignIn = w.now
		if w.chance(0.2) {
			u.lastSignIn = 0
		}
		w.users.add(u)
	})
	if w.chance(0.3) {
		w.signIn(u)
	}
	if w.chance(0.15) {
		w.subscribe(w.userPayer(u))
	}
	return u
}
