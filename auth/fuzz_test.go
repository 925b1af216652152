package auth_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// FuzzVerify: of all texts only those that were signed are accepted, to the letter. Nothing makes it panic. Text takes the place of cut
// characters of a good token, from at on: of none, some or all.
func FuzzVerify(f *testing.F) {
	b := newBed(f)
	v := b.verifier(f)
	var signed []string
	for _, spec := range []clerksim.TokenSpec{{}, {Org: clerksim.AnyOrg}, {Org: clerksim.AnyOrg, Version: 1}, {Client: clerksim.ClientIOS}} {
		signed = append(signed, b.token(f, spec))
	}
	for which := range signed {
		for _, at := range []uint{0, 60, 200, 1 << 16} {
			f.Add(uint(which), at, uint(0), "")
			f.Add(uint(which), at, uint(1), "A")
			f.Add(uint(which), at, uint(1<<16), "")
			f.Add(uint(which), at, uint(0), "\n")
			f.Add(uint(which), at, uint(1), ".")
		}
	}
	for _, w := range clerksim.WrongTokens() {
		if wrong[w.Name] != auth.CodeTokenTooLarge && !w.Strict {
			f.Add(uint(0), uint(0), uint(1<<16), w.Mint(b.Clerk))
		}
	}
	f.Fuzz(func(t *testing.T, which, at, cut uint, text string) {
		good := signed[which%uint(len(signed))]
		at = min(at, uint(len(good)))
		cut = min(cut, uint(len(good))-at)
		token := good[:at] + text + good[at+cut:]
		id, err := v.Verify(t.Context(), token)
		if (err == nil) != slices.Contains(signed, token) {
			t.Errorf("refused with %v, identity %+v: %s", err, id, token)
		}
		if err != nil && (id != nil || !slices.Contains(auth.TokenCodes(), auth.CodeOf(err))) {
			t.Errorf("refused with %v and identity %v", err, id)
		}
	})
}

// FuzzVerifySigned: whatever an instance signs, what is accepted is what another reader reads of it, and meets every condition.
func FuzzVerifySigned(f *testing.F) {
	b := newBed(f)
	v := b.verifier(f)
	add := func(token string) {
		header, payload := decoded(token)
		f.Add(header, payload)
	}
	for _, version := range []int{1, 2} {
		add(b.token(f, clerksim.TokenSpec{Org: clerksim.AnyOrg, Version: version}))
	}
	for _, w := range clerksim.WrongTokens() {
		if wrong[w.Name] == auth.CodeTokenTooLarge {
			continue
		}
		if token := w.Mint(b.Clerk); strings.Count(token, ".") == 2 {
			add(token)
		}
	}
	for _, odd := range clerksim.OddGrants() {
		add(odd.Mint(b.Clerk))
	}
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		id, err := v.Verify(t.Context(), signRaw(header, payload))
		if err != nil {
			if id != nil || !slices.Contains(auth.TokenCodes(), auth.CodeOf(err)) {
				t.Errorf("refused with %v and identity %v", err, id)
			}
			return
		}
		checkAgainstAnotherReader(t, b, header, payload, id)
	})
}

// decoded are the first two parts of a token, as far as they can be decoded.
func decoded(token string) (header, payload []byte) {
	first, rest, _ := strings.Cut(token, ".")
	second, _, _ := strings.Cut(rest, ".")
	header, _ = base64.RawURLEncoding.DecodeString(first)
	payload, _ = base64.RawURLEncoding.DecodeString(second)
	return header, payload
}

func signRaw(header, payload []byte) string {
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, firstKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key of 2048 bits can always sign a digest
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// checkAgainstAnotherReader reads the token with encoding/json, into maps.
func checkAgainstAnotherReader(t *testing.T, b *bed, header, payload []byte, id *auth.Identity) {
	t.Helper()
	var h, c map[string]any
	if json.Unmarshal(header, &h) != nil || json.Unmarshal(payload, &c) != nil {
		t.Fatalf("accepted what is no JSON: %s.%s", header, payload)
	}
	text := func(m map[string]any, name string) string { s, _ := m[name].(string); return s }
	number := func(name string) int64 { n, _ := c[name].(float64); return int64(n) }
	org, role := text(c, "org_id"), text(c, "org_role")
	if v, _ := c["v"].(float64); v == 2 {
		o, _ := c["o"].(map[string]any)
		if org, role = text(o, "id"), text(o, "rol"); role != "" {
			role = "org:" + role
		}
	}
	if org == "" {
		role = ""
	}
	now := b.clock.now().Unix()
	for what, holds := range map[string]bool{
		"header":  text(h, "alg") == "RS256" && text(h, "kid") == kid && h["crit"] == nil && h["b64"] == nil,
		"kind":    slices.Contains([]string{"", "JWT"}, text(h, "typ")) && slices.Contains([]string{"", "cl_B7d4PD111AAA"}, text(h, "cat")),
		"issuer":  text(c, "iss") == b.Issuer() && id.Issuer == b.Issuer(),
		"user":    text(c, "sub") == id.User && strings.HasPrefix(id.User, "user_"),
		"session": text(c, "sid") == id.Session && strings.HasPrefix(id.Session, "sess_"),
		"party":   text(c, "azp") == id.AuthorizedParty && slices.Contains([]string{"", b.AuthorizedParty()}, id.AuthorizedParty),
		"status":  slices.Contains([]string{"", "active"}, text(c, "sts")),
		"times": number("exp") == id.ExpiresAt.Unix() && number("iat") == id.IssuedAt.Unix() && number("exp") > now-5 && number("iat") <= now+5 &&
			number("nbf") <= now+5 && number("exp")-number("iat") <= 600,
		"organization": org == id.Org && role == id.Role && (org == "" || strings.HasPrefix(org, "org_")),
		"permissions":  org != "" || len(id.Permissions) == 0,
		"actor":        (c["act"] != nil) == (id.Actor != nil),
		"factors":      c["fva"] != nil || id.Factors == auth.Factors{},
	} {
		if !holds {
			t.Errorf("%s: read as %+v from %s.%s", what, id, header, payload)
		}
	}
	for _, p := range id.Permissions {
		if strings.HasPrefix(p, "org:sys_") {
			t.Errorf("granted %s", p)
		}
	}
}
