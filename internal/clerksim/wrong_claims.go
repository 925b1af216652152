package clerksim

import "time"

// wrongHeaders are extensions that a verifier must understand or refuse (RFC 7515 §4.1.11, RFC 7797).
func wrongHeaders() []WrongToken {
	return []WrongToken{
		wrongHeader("crit", "an extension that must be understood", func(h map[string]any) { h["crit"], h["clerkstream"] = []string{"clerkstream"}, true }),
		wrongHeader("crit-empty", "an empty list of such extensions", func(h map[string]any) { h["crit"] = []string{} }),
		wrongHeader("b64-false", "a payload that claims to be unencoded", func(h map[string]any) { h["crit"], h["b64"] = []string{"b64"}, false }),
		wrongHeader("typ-number", "a type that is a number", func(h map[string]any) { h["typ"] = 1 }),
		wrongHeader("typ-unknown", "a type that is no session token's", func(h map[string]any) { h["typ"] = "logout+jwt" }),
		wrongHeader("cat-number", "a category that is a number", func(h map[string]any) { h["cat"] = 1 }),
		wrongHeader("cat-unknown", "a category that nobody knows", func(h map[string]any) { h["cat"] = "cl_B7d4PD999AAA" }),
	}
}

// wrongKinds are Clerk's other tokens, which the same key signs.
func wrongKinds() []WrongToken {
	return []WrongToken{
		wrongHeader("template", "a token of a JWT template", func(h map[string]any) { h["cat"] = "cl_B7d4PD222AAA" }),
		wrongHeader("machine", "a machine-to-machine token", func(h map[string]any) { h["cat"] = "cl_B7d4PD333AAA" }),
		claimIs("machine-subject", "a session token's header over a machine's claims", "sub", "mch_2somemachineinventedhere0001"),
		wrongHeader("oauth", "an OAuth access token (RFC 9068)", func(h map[string]any) { h["typ"] = "at+jwt" }),
		wrongHeader("oauth-long", "an OAuth access token, its type written out", func(h map[string]any) { h["typ"] = "application/at+jwt" }),
		claimIs("subject-organization", "an organization as subject", "sub", "org_2someorganizationinvented001"),
	}
}

func wrongTimes() []WrongToken {
	shifted := func(name, why, claim string, by time.Duration) WrongToken {
		return wrongClaim(name, why, func(d *draft) { d.set(claim, d.clerk.cfg.Now().Add(by).Unix()) })
	}
	return []WrongToken{
		wrongClaim("expired", "expired an hour ago", func(d *draft) {
			then := d.clerk.cfg.Now().Add(-time.Hour)
			d.set("iat", then.Add(-TokenLifetime).Unix())
			d.set("nbf", then.Add(-TokenLifetime).Unix())
			d.set("exp", then.Unix())
		}),
		shifted("not-yet", "valid only from a minute on", "nbf", time.Minute),
		wrongClaim("issued-in-future", "issued ten minutes from now", func(d *draft) {
			then := d.clerk.cfg.Now().Add(10 * time.Minute)
			d.set("iat", then.Unix())
			d.set("exp", then.Add(TokenLifetime).Unix())
		}),
		claimLacks("exp-missing", "no expiry", "exp"),
		claimIs("exp-null", "an expiry that is null", "exp", nil),
		claimIs("exp-text", "an expiry that is a text", "exp", "4102444800"),
		claimIs("exp-huge", "an expiry beyond all calendars", "exp", 1e300),
		claimIs("exp-negative", "an expiry before 1970", "exp", -1),
		wrongClaim("exp-millis", "an expiry in milliseconds", func(d *draft) { d.set("exp", d.clerk.cfg.Now().Add(TokenLifetime).UnixMilli()) }),
		claimLacks("iat-missing", "no time of issue", "iat"),
		claimIs("iat-text", "a time of issue that is a text", "iat", "0"),
		claimIs("nbf-text", "a begin that is a text", "nbf", "0"),
		shifted("lifetime", "valid for a day", "exp", 24*time.Hour),
		wrongClaim("exp-before-iat", "expires before it is issued", func(d *draft) {
			now := d.clerk.cfg.Now()
			d.set("iat", now.Unix())
			d.set("exp", now.Add(-time.Minute).Unix())
		}),
	}
}

func wrongSubjects() []WrongToken {
	return []WrongToken{
		claimLacks("subject-missing", "no subject", "sub"),
		claimIs("subject-empty", "an empty subject", "sub", ""),
		claimIs("subject-bare", "a subject that is a prefix and nothing else", "sub", "user_"),
		claimIs("subject-client", "a subject that is no user", "sub", "client_2someclientinventedhere001"),
		claimIs("subject-number", "a subject that is a number", "sub", 7),
		claimLacks("session-missing", "no session", "sid"),
		claimIs("session-empty", "an empty session", "sid", ""),
		claimIs("session-other", "a session that is none", "sid", "user_2somebodyinventedforatest001"),
		claimIs("session-number", "a session that is a number", "sid", 7),
		claimIs("pending", "a session with open tasks, which counts as signed out", "sts", "pending"),
		claimIs("status-unknown", "a session status that no active session has", "sts", "revoked"),
		claimIs("status-number", "a session status that is a number", "sts", 1),
		claimIs("actor-text", "an impersonator that is a text", "act", "user_2somebodyinventedforatest002"),
	}
}

func wrongParties() []WrongToken {
	missing := claimLacks("party-missing", "no authorized party, where only browsers are served", "azp")
	missing.Strict = true
	return []WrongToken{
		claimIs("party-other", "another origin", "azp", "https://evil.example"),
		wrongClaim("party-suffix", "a look-alike of the origin", func(d *draft) { d.set("azp", d.clerk.cfg.AuthorizedParty+".evil.example") }),
		wrongClaim("party-slash", "the origin with a slash behind", func(d *draft) { d.set("azp", d.clerk.cfg.AuthorizedParty+"/") }),
		wrongClaim("party-list", "a list with the origin in it", func(d *draft) { d.set("azp", []string{d.clerk.cfg.AuthorizedParty}) }),
		claimIs("party-number", "an origin that is a number", "azp", 3000),
		missing,
	}
}

func wrongOrganizations() []WrongToken {
	org := func(name, why string, edit func(map[string]any)) WrongToken {
		return wrongClaim(name, why, func(d *draft) { edit(d.org()) })
	}
	flat := func(name, why string, edit func(*draft)) WrongToken {
		return WrongToken{Name: name, Why: why, Mint: func(c *Clerk) string { d := c.draft(1); edit(d); return d.sign() }}
	}
	return []WrongToken{
		claimIs("version-3", "a version that does not exist yet", "v", 3),
		claimIs("version-text", "a version that is a text", "v", "2"),
		claimIs("version-fraction", "a version that is no whole number", "v", 2.5),
		claimIs("org-text", "an organization that is a text", "o", "org_2someorganizationinvented001"),
		claimIs("org-list", "an organization that is a list", "o", []any{}),
		org("org-id-missing", "an organization without id", func(o map[string]any) { delete(o, "id") }),
		org("org-id-empty", "an organization with an empty id", func(o map[string]any) { o["id"] = "" }),
		org("org-id-other", "an organization that is a user", func(o map[string]any) { o["id"] = "user_2somebodyinventedforatest001" }),
		org("org-id-number", "an organization whose id is a number", func(o map[string]any) { o["id"] = 7 }),
		org("org-role-number", "a role that is a number", func(o map[string]any) { o["rol"] = 7 }),
		wrongClaim("org-twice", "the organization claims of both versions", func(d *draft) {
			d.set("org_id", "org_2anotherorganizationinvent01")
			d.set("org_role", "org:admin")
		}),
		flat("v1-org-number", "version 1, an organization that is a number", func(d *draft) { d.set("org_id", 7) }),
		flat("v1-org-other", "version 1, an organization that is a user", func(d *draft) { d.set("org_id", "user_2somebodyinventedforatest001") }),
		flat("v1-permissions-text", "version 1, permissions that are a text", func(d *draft) { d.set("org_permissions", "org:invoices:read") }),
		flat("v1-permissions-number", "version 1, a permission that is a number", func(d *draft) { d.set("org_permissions", []any{7}) }),
	}
}

// wrongMasks are permissions that cannot be read: masks are non-negative decimal numbers.
func wrongMasks() []WrongToken {
	masks := func(name, why, masks string) WrongToken {
		return wrongClaim(name, why, func(d *draft) {
			d.set("fea", exampleFeatures)
			d.org()["per"], d.org()["fpm"] = exampleActions, masks
		})
	}
	return []WrongToken{
		masks("negative", "a negative mask", "-1,21,0"),
		masks("plus", "a mask with a sign", "+7,21,0"),
		masks("hex", "a mask in another base", "0x7,21,0"),
		masks("underscore", "a mask with a separator of digits", "1_0,21,0"),
		masks("fraction", "a mask that is no whole number", "7.0,21,0"),
		masks("exponent", "a mask with an exponent", "7e0,21,0"),
		masks("letters", "a mask of letters", "seven,21,0"),
		masks("arabic", "a mask in other digits", "٧,21,0"),
		masks("gap", "an empty mask between others", "7,,0"),
	}
}
