package clerksim

import "encoding/json"

type user struct {
	stamp
	externalID, username, first, last, locale, image string
	hasImage                                         bool

	emails     []*email
	phones     []*phone
	wallets    []*wallet
	passkeys   []*passkey
	accounts   []*account
	enterprise []*enterpriseAccount

	primaryEmail, primaryPhone, primaryWallet string

	password, twoFactor, totp, backupCode bool
	banned, locked, deprovisioned         bool
	public, private, unsafe               json.RawMessage

	directory                                                              string // SCIM directory that provisions the user
	lastSignIn, lastActive, passwordAt, factorOn, factorOff, legalAccepted int64

	old      bool // older payload shape: fields that came later are absent where they say nothing
	samlOnly bool // older instance: SAML accounts, no enterprise accounts
	empties  bool // "" where others have null

	// What hangs on the user, to be found again when it is banned or deleted.
	sessions     []*session
	memberships  []*membership
	subscription *subscription
	deleted      bool
}

func (u *user) data(w *World) object {
	o := make(object, 0, 48)
	o = append(o, object{
		{"id", u.id}, {"object", "user"}, {"username", u.nullable(u.username)}, {"first_name", u.nullable(u.first)}, {"last_name", u.nullable(u.last)},
	}...)
	if !u.old {
		o.add("locale", text(u.locale))
	}
	if u.image != "" {
		o.add("image_url", u.image)
		o.add("profile_image_url", u.image)
	}
	o = append(o, object{
		{"has_image", u.hasImage}, {"primary_email_address_id", text(u.primaryEmail)}, {"primary_phone_number_id", text(u.primaryPhone)},
		{"primary_web3_wallet_id", text(u.primaryWallet)}, {"password_enabled", u.password}, {"two_factor_enabled", u.twoFactor},
		{"totp_enabled", u.totp}, {"backup_code_enabled", u.backupCode},
	}...)
	o = append(o, u.contacts()...)
	o = append(o, u.metadata(w)...)
	o = append(o, object{
		{"external_id", u.nullable(u.externalID)}, {"last_sign_in_at", millis(u.lastSignIn)}, {"banned", u.banned}, {"locked", u.locked},
	}...)
	if !u.old || u.deprovisioned {
		o.add("deprovisioned", u.deprovisioned)
	}
	return append(o, u.limits(w)...)
}

func (u *user) nullable(s string) any {
	if u.empties {
		return s
	}
	return text(s)
}

func (u *user) contacts() object {
	o := object{
		{"email_addresses", each(u.emails, (*email).data)},
		{"phone_numbers", each(u.phones, (*phone).data)},
		{"web3_wallets", each(u.wallets, (*wallet).data)},
		{"external_accounts", each(u.accounts, (*account).data)},
		{"saml_accounts", each(u.enterprise, func(a *enterpriseAccount) object { return a.data(true) })},
	}
	if !u.old || len(u.passkeys) > 0 {
		o.add("passkeys", each(u.passkeys, (*passkey).data))
	}
	switch {
	case !u.samlOnly:
		o.add("enterprise_accounts", each(u.enterprise, func(a *enterpriseAccount) object { return a.data(false) }))
	case !u.old:
		o.add("enterprise_accounts", []object{})
	}
	return o
}

// metadata leaves an empty object out now and then, which means the same.
func (u *user) metadata(w *World) object {
	o := object{{"password_last_updated_at", millis(u.passwordAt)}}
	if u.public != nil || !w.odd() {
		o.add("public_metadata", metadata(u.public))
	}
	switch {
	case u.private != nil:
		o.add("private_metadata", u.private)
	case !w.odd():
		o.add("private_metadata", nil)
	}
	if u.unsafe != nil || !w.odd() {
		o.add("unsafe_metadata", metadata(u.unsafe))
	}
	return o
}

func (u *user) limits(w *World) object {
	lockout, attempts := any(nil), any(100)
	if u.locked {
		lockout, attempts = 3600, 0
	}
	o := object{
		{"lockout_expires_in_seconds", lockout}, {"verification_attempts_remaining", attempts},
		{"created_at", u.created}, {"updated_at", u.updated}, {"delete_self_enabled", true}, {"create_organization_enabled", true},
		{"create_organizations_limit", nil}, {"last_active_at", w.day(u.lastActive)}, {"mfa_enabled_at", millis(u.factorOn)},
		{"mfa_disabled_at", millis(u.factorOff)}, {"legal_accepted_at", millis(u.legalAccepted)},
	}
	switch {
	case u.old:
		o.add("birthday", "")
		o.add("gender", "")
	default:
		o.add("bypass_client_trust", false)
	}
	if u.directory != "" {
		o.add("scim", object{{"directory_id", u.directory}, {"directory_enabled", true}, {"external_id", text(u.externalID)}})
	}
	return o
}

// day is a time of day precision. Being whole seconds it can stand in seconds without a loss, as Clerk's examples have it.
func (w *World) day(ms int64) any {
	if ms != 0 && w.odd() {
		return ms / 1000
	}
	return millis(ms)
}

// today is the world's day, which is all that last_active_at tells.
func (w *World) today() int64 { return w.now - w.now%86_400_000 }

func each[T any](list []T, data func(T) object) []object {
	out := make([]object, len(list))
	for i, x := range list {
		out[i] = data(x)
	}
	return out
}

func (u *user) nudge(*World) {
	if u.lastActive == 0 {
		u.locked = !u.locked
		return
	}
	u.twoFactor = !u.twoFactor
}

// publicData is what others may see of the user.
func (u *user) publicData() object {
	return object{
		{"user_id", u.id}, {"first_name", text(u.first)}, {"last_name", text(u.last)}, {"profile_image_url", text(u.image)}, {"image_url", u.image},
		{"has_image", u.hasImage}, {"identifier", text(u.identifier())}, {"username", text(u.username)}, {"banned", u.banned},
		{"deprovisioned", u.deprovisioned},
	}
}

func (u *user) mail() *email {
	for _, e := range u.emails {
		if e.id == u.primaryEmail {
			return e
		}
	}
	return nil
}

func (u *user) number() *phone {
	for _, p := range u.phones {
		if p.id == u.primaryPhone {
			return p
		}
	}
	return nil
}

func (u *user) identifier() string {
	if e := u.mail(); e != nil {
		return e.address
	}
	if p := u.number(); p != nil {
		return p.number
	}
	return u.username
}

func (w *World) mailOf(u *user) string {
	if e := u.mail(); e != nil {
		return e.address
	}
	return w.mailbox()
}
