package clerksim

import "strings"

// account is a sign-in at another provider. Google's has three shapes: today's, today's with the old fields beside it, and the old
// fields alone, which lack provider and provider_user_id.
type account struct {
	stamp
	provider, subject string // oauth_google, the provider's user id
	mail              string
	first, last       string
	proved            *verification
	legacy            bool // old Google shape
}

func (a *account) data() object {
	if a.legacy {
		return object{
			{"object", "google_account"}, {"id", a.id}, {"external_account_id", strings.Replace(a.id, "idn_", "eac_", 1)},
			{"google_id", a.subject}, {"given_name", a.first}, {"family_name", a.last}, {"picture", ""},
			{"email_address", a.mail}, {"approved_scopes", "email openid profile"}, {"public_metadata", object{}},
			{"created_at", a.created}, {"updated_at", a.updated}, {"verification", a.proved.data()},
		}
	}
	kind := "external_account"
	if a.provider == "oauth_google" {
		kind = "google_account"
	}
	o := object{
		{"object", kind}, {"id", a.id}, {"provider", a.provider}, {"identification_id", a.id}, {"provider_user_id", a.subject},
		{"approved_scopes", "email https://www.googleapis.com/auth/userinfo.email openid profile"},
		{"email_address", a.mail}, {"email_address_verified", true}, {"first_name", a.first}, {"last_name", a.last},
		{"image_url", nil}, {"username", ""}, {"phone_number", nil}, {"public_metadata", object{}}, {"label", nil},
		{"created_at", a.created}, {"updated_at", a.updated}, {"verification", a.proved.data()},
	}
	if kind == "google_account" {
		o.add("google_id", a.subject)
	}
	return o
}

func (w *World) newAccount(u *user) *account {
	a := &account{
		stamp:    stamp{id: w.id("idn_"), created: w.now, updated: w.now},
		provider: one(w.r, []string{"oauth_google", "oauth_google", "oauth_google", "oauth_github", "oauth_microsoft", "oauth_apple"}),
		subject:  w.digits(21),
		mail:     w.mailOf(u),
		first:    u.first,
		last:     u.last,
	}
	a.legacy = a.provider == "oauth_google" && w.odd()
	a.proved = w.proof("verification_oauth", a.provider)
	switch {
	case w.chance(0.1): // begun and not finished: Clerk shows where to go on, which only the user may follow
		a.proved = w.doubt("verification_oauth", a.provider)
		a.proved.sso, a.proved.redirect = true, "https://accounts.provider.example/o/auth?state="+w.id("")
		if !a.legacy && w.chance(0.5) {
			a.subject = "" // the provider has not said yet who it is
		}
	case w.chance(0.05):
		a.proved = nil
	}
	return a
}

// digits is a decimal number of n digits that does not fit into 64 bits once n passes 19.
func (w *World) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + w.r.IntN(10))
	}
	b[0] = byte('1' + w.r.IntN(9))
	return string(b)
}

// enterpriseAccount is a sign-in by a company's identity provider. Clerk shows it as enterprise_account and, in the older form, as
// saml_account.
type enterpriseAccount struct {
	id, subject string
	mail        string
	first, last string
	connection  object
	seen        int64
	proved      *verification
}

func (a *enterpriseAccount) provider() string { return a.connection.get("provider").(string) }

func (a *enterpriseAccount) data(asSAML bool) object {
	o := object{{"id", strings.Replace(a.id, "entacc_", "samlacc_", 1)}, {"object", "saml_account"}}
	if !asSAML {
		o = object{{"id", a.id}, {"object", "enterprise_account"}, {"protocol", "saml"}}
	}
	o = append(o, object{
		{"provider", a.provider()}, {"active", true}, {"email_address", a.mail}, {"first_name", text(a.first)}, {"last_name", text(a.last)},
		{"provider_user_id", text(a.subject)}, {"last_authenticated_at", millis(a.seen)}, {"public_metadata", object{}},
		{"verification", a.proved.data()},
	}...)
	if asSAML {
		return append(o, field{"saml_connection", a.connection.without("protocol", "logo_public_url")})
	}
	return append(o, field{"enterprise_connection_id", a.connection.get("id")}, field{"enterprise_connection", a.connection})
}

func (o object) get(key string) any {
	for _, f := range o {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

func (w *World) newEnterpriseAccount(u *user) *enterpriseAccount {
	a := &enterpriseAccount{
		id: w.id("entacc_"), subject: w.id("00u"), mail: w.mailOf(u), first: u.first, last: u.last,
		connection: one(w.r, w.connections), seen: w.now, proved: w.proof("verification_saml", "saml"),
	}
	a.proved.sso = true
	if w.chance(0.1) { // provisioned by SCIM, never signed in
		a.subject, a.seen, a.proved = "", 0, nil
	}
	return a
}

func (w *World) newConnections() []object {
	var list []object
	for _, c := range [][3]string{
		{"Northwind Okta", "northwind.example", "saml_okta"},
		{"Fjord Entra", "fjord.example", "saml_microsoft"},
		{"Cobalt", "cobalt.example", "saml_google"},
	} {
		list = append(list, object{
			{"id", w.id("samlc_")}, {"protocol", "saml"}, {"name", c[0]}, {"logo_public_url", nil}, {"domain", c[1]}, {"domains", []string{c[1]}},
			{"active", true}, {"provider", c[2]}, {"sync_user_attributes", true}, {"allow_subdomains", false}, {"allow_idp_initiated", true},
			{"disable_additional_identifications", false}, {"created_at", w.now - 1_000_000_000}, {"updated_at", w.now - 500_000_000},
		})
	}
	return list
}
