package clerksim

import "slices"

// WrongToken is a token that a verifier of session tokens must refuse. It is wrong in one way and right in all others, so that it shows
// whether that one check is made.
type WrongToken struct {
	// Name is short and of letters, digits and dashes. Why says what is wrong.
	Name, Why string
	// Strict tokens are wrong only for a verifier that serves no native clients.
	Strict bool
	Mint   func(*Clerk) string
}

// WrongTokens lists them in groups: who issued it, what its header says, what it claims, how it is written.
func WrongTokens() []WrongToken {
	return slices.Concat(wrongIssuers(), wrongKeys(), wrongAlgorithms(), wrongHeaders(), wrongKinds(), wrongTimes(), wrongSubjects(), wrongParties(),
		wrongOrganizations(), wrongMasks(), wrongForms(), wrongParts(), wrongJSON())
}

// draft is a good token before it is signed.
type draft struct {
	clerk          *Clerk
	header, claims map[string]any
}

func (d *draft) sign() string { return d.clerk.Sign(d.header, d.claims) }

// signBy signs with something other than the instance's key.
func (d *draft) signBy(sign func([]byte) []byte) string {
	return compact(mustJSON(d.header), mustJSON(d.claims), sign)
}

func (d *draft) set(claim string, value any) { d.claims[claim] = value }

// org is the claim o, to be changed.
func (d *draft) org() map[string]any { return d.claims["o"].(map[string]any) }

// draft is a token, in that version of the claims, of a web client in an organization. It signs nobody in: where nobody is there yet it speaks of
// somebody invented, for what is wrong with it does not depend on who it is.
func (c *Clerk) draft(version int) *draft {
	header := sessionHeader(c.KeyID())
	c.mu.Lock()
	defer c.mu.Unlock()
	b := bearer{
		user:    &user{stamp: stamp{id: "user_2somebodyinventedforatest001"}},
		session: &session{stamp: stamp{id: "sess_2somebodyinventedforatest001"}, status: "active"},
	}
	b.membership = &membership{org: &organization{stamp: stamp{id: "org_2somebodyinventedforatest0001"}}, role: "org:admin"}
	for _, m := range c.world.memberships.items {
		if sessions := c.world.sessionsOf(m.user); m.user.mayUse() && len(sessions) > 0 && sessions[0].actor == nil && sessions[0].status == "active" {
			b = bearer{user: m.user, session: sessions[0], membership: m}
			break
		}
	}
	claims := c.sessionClaims(TokenSpec{Version: version}, b)
	return &draft{clerk: c, header: header, claims: claims}
}

// wrongClaim is a wrong token that differs from a good one in what edit changes.
func wrongClaim(name, why string, edit func(*draft)) WrongToken {
	return WrongToken{Name: name, Why: why, Mint: func(c *Clerk) string {
		d := c.draft(2)
		edit(d)
		return d.sign()
	}}
}

// claimIs is a wrong token in which a claim has another value.
func claimIs(name, why, claim string, value any) WrongToken {
	return wrongClaim(name, why, func(d *draft) { d.set(claim, value) })
}

// claimLacks is a wrong token in which a claim is missing.
func claimLacks(name, why, claim string) WrongToken {
	return wrongClaim(name, why, func(d *draft) { delete(d.claims, claim) })
}

// wrongHeader is a wrong token that is rightly signed under a header that edit changes.
func wrongHeader(name, why string, edit func(header map[string]any)) WrongToken {
	return wrongSignature(name, why, func(d *draft) string { edit(d.header); return d.sign() })
}

// wrongSignature is a wrong token that something else signed, or nothing did.
func wrongSignature(name, why string, sign func(*draft) string) WrongToken {
	return WrongToken{Name: name, Why: why, Mint: func(c *Clerk) string { return sign(c.draft(2)) }}
}
