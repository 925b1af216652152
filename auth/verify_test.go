package auth_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// A token of either version and of any client says the same of who is calling.
func TestTokensOfEveryVersionAndClientSayWhoIsCalling(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	for _, version := range []int{1, 2} {
		for client, party := range map[clerksim.Client]string{
			clerksim.ClientWeb: b.AuthorizedParty(), clerksim.ClientIOS: "", clerksim.ClientAndroid: "", clerksim.ClientExpo: "",
		} {
			spec := clerksim.TokenSpec{Org: clerksim.AnyOrg, Version: version, Client: client}
			claims, err := b.Claims(spec)
			if err != nil {
				t.Fatal(err)
			}
			id := accept(t, v, b.Sign(nil, claims))
			if id.User != claims["sub"] || id.Session != claims["sid"] || id.Issuer != b.Issuer() || id.AuthorizedParty != party {
				t.Errorf("version %d, %s: identity is %+v", version, client, id)
			}
			if id.Org == "" || id.Role == "" || id.Org != orgIn(claims) {
				t.Errorf("version %d, %s: organization %q, role %q", version, client, id.Org, id.Role)
			}
			if !id.IssuedAt.Equal(b.clock.now()) || !id.ExpiresAt.Equal(b.clock.now().Add(clerksim.TokenLifetime)) {
				t.Errorf("version %d, %s: lives from %s to %s", version, client, id.IssuedAt, id.ExpiresAt)
			}
		}
	}
}

func orgIn(claims map[string]any) any {
	if o, ok := claims["o"].(map[string]any); ok {
		return o["id"]
	}
	return claims["org_id"]
}

func TestBothVersionsGrantTheSame(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	one := accept(t, v, b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg, Role: "org:admin", Version: 1}))
	two := accept(t, v, b.token(t, clerksim.TokenSpec{User: one.User, Org: one.Org, Version: 2}))
	slices.Sort(one.Permissions)
	slices.Sort(two.Permissions)
	if diff := cmp.Diff(one.Permissions, two.Permissions); diff != "" || one.Role != two.Role || one.OrgSlug != two.OrgSlug {
		t.Errorf("version 1 and 2 differ: roles %q, %q, slugs %q, %q, permissions\n%s", one.Role, two.Role, one.OrgSlug, two.OrgSlug, diff)
	}
}

// The worked examples, and what keeps a reading of the masks from granting too much.
func TestPermissionsAreReadFromMasks(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	for name, c := range map[string]struct {
		features, actions, masks string
		want                     []string
	}{
		"worked example": {
			"o:invoices,o:projects,u:beta", "read,create,update,delete,revoke", "7,21,0",
			[]string{"org:invoices:read", "org:invoices:create", "org:invoices:update", "org:projects:read", "org:projects:update", "org:projects:revoke"},
		},
		"published by Clerk": {
			"o:dashboard,o:teams", "manage,read", "3,2",
			[]string{"org:dashboard:manage", "org:dashboard:read", "org:teams:read"},
		},
		"beyond 2^53, where JavaScript lost bits": {
			"o:a", "a0,a1,a2,a3,a4,a5,a6,a7,a8,a9,b0,b1,b2,b3,b4,b5,b6,b7,b8,b9,c0,c1,c2,c3,c4,c5,c6,c7,c8,c9,d0,d1,d2,d3,d4,d5,d6,d7,d8,d9," +
				"e0,e1,e2,e3,e4,e5,e6,e7,e8,e9,f0,f1,f2,f3,f4", "9007199254740993", // 2^53 + 1
			[]string{"org:a:a0", "org:a:f3"},
		},
		"more actions than a word has bits":              {"o:a", "first" + strings.Repeat(",more", 64), "1", []string{"org:a:first"}},
		"the organization's, counted among all":          {"u:beta,o:invoices", "read,create", "0,3", []string{"org:invoices:read", "org:invoices:create"}},
		"a mask for the user's own grants nothing":       {"o:invoices,u:beta", "read", "1,1", nil},
		"a mask short, and whose it is can be disputed":  {"u:beta,o:invoices,o:projects", "read", "0,1", nil},
		"a mask short, and all agree":                    {"o:invoices,o:projects,u:beta", "read", "1", []string{"org:invoices:read"}},
		"a system permission is in no token":             {"o:sys_memberships", "manage", "1", nil},
		"no mask, no permission":                         {"o:invoices", "read", "", nil},
		"masks and no actions":                           {"o:invoices", "", "1", nil},
		"masks and no features":                          {"", "read", "1", nil},
		"zero":                                           {"o:invoices", "read", "0", nil},
		"a number longer than any integer type":          {"o:invoices", "read", "340282366920938463463374607431768211457", []string{"org:invoices:read"}},
		"leading zeros":                                  {"o:invoices", "read,create", "002", []string{"org:invoices:create"}},
		"both scopes, in either order":                   {"uo:invoices,ou:projects", "read", "1,1", []string{"org:invoices:read", "org:projects:read"}},
		"an action or a feature with a colon stays text": {"o:a:b", "c:d", "1", []string{"org:a:b:c:d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := accept(t, v, b.edited(t, map[string]any{
				"fea": c.features,
				"o":   map[string]any{"id": "org_2acme", "rol": "admin", "per": c.actions, "fpm": c.masks},
			}))
			if !slices.Equal(id.Permissions, c.want) {
				t.Errorf("granted %q, want %q", id.Permissions, c.want)
			}
		})
	}
}

// Clocks differ: everything holds to the second of leeway, and not a second longer.
func TestTimesHoldToTheSecondOfLeeway(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t, func(cfg *auth.Config) { cfg.Leeway, cfg.MaxLifetime = 7*time.Second, time.Minute })
	at := func(by int) int64 { return b.clock.now().Unix() + int64(by) }
	for name, c := range map[string]struct {
		claims map[string]any
		want   auth.Code
	}{
		"expired within the leeway":   {map[string]any{"iat": at(-60), "exp": at(-6)}, ""},
		"expired at its end":          {map[string]any{"iat": at(-60), "exp": at(-7)}, auth.CodeTokenExpired},
		"issued within the leeway":    {map[string]any{"iat": at(7), "exp": at(60)}, ""},
		"issued behind it":            {map[string]any{"iat": at(8), "exp": at(60)}, auth.CodeIssuedInFuture},
		"valid within the leeway":     {map[string]any{"nbf": at(7)}, ""},
		"valid behind it":             {map[string]any{"nbf": at(8)}, auth.CodeTokenNotYetValid},
		"no begin":                    {map[string]any{"nbf": nil}, ""},
		"lives as long as it may":     {map[string]any{"iat": at(-1), "exp": at(59)}, ""},
		"lives a second longer":       {map[string]any{"iat": at(-1), "exp": at(60)}, auth.CodeLifetimeTooLong},
		"expires when numbers end":    {map[string]any{"exp": int64(1)<<62 - 1}, auth.CodeClaimsMalformed},
		"expires behind their end":    {map[string]any{"exp": 18446744073709551615.0}, auth.CodeClaimsMalformed},
		"issued before there was one": {map[string]any{"iat": -1}, auth.CodeClaimsMalformed},
		"a fraction of a second":      {map[string]any{"exp": float64(at(30)) + 0.5}, auth.CodeClaimsMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, v, b.edited(t, c.claims), c.want)
		})
	}
}

// An application may add claims to its tokens, of any name and type. None of them is mistaken for Clerk's.
func TestAnApplicationsOwnClaimsAreNotMistaken(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	want := accept(t, v, b.edited(t, map[string]any{"o": map[string]any{"id": "org_2acme", "rol": "admin"}}))
	for name, claims := range map[string]map[string]any{
		"another case":              {"SUB": "user_2other", "Sid": "sess_2other", "O": map[string]any{"id": "org_2other"}, "STS": "pending"},
		"version 1's, same":         {"org_id": "org_2acme"},
		"version 1's, of any type":  {"org_role": 7, "org_permissions": "org:invoices:read", "org_slug": []string{"other"}},
		"version 1's, as they were": {"org_role": "org:owner", "org_permissions": []string{"org:invoices:read"}, "org_slug": "other"},
		"something unknown":         {"email": "somebody@example.com", "deep": map[string]any{"id": "org_2other", "sub": []any{1, "x"}}},
		"the same name deeper down": {"x": map[string]any{"sub": "user_2other", "o": map[string]any{"id": "org_2other"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims["o"] = map[string]any{"id": "org_2acme", "rol": "admin"}
			id := accept(t, v, b.token(t, clerksim.TokenSpec{User: want.User, Session: want.Session, Org: clerksim.AnyOrg, Claims: claims}))
			if diff := cmp.Diff(want, id); diff != "" {
				t.Errorf("identity changed:\n%s", diff)
			}
		})
	}
}

// The last of two names decides in many readers, and to some a name in capitals is the same one.
func TestNamesInCapitalsAreOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	header, payload := decoded(b.edited(t, map[string]any{"sub": "user_2mine", "o": map[string]any{"id": "org_2mine"}}))
	payload = append(payload[:len(payload)-1], `,"SUB":"user_2other","Sid":"x","O":{"id":"org_2other"},"EXP":1,"Azp":"https://evil.example"}`...)
	if id := accept(t, b.verifier(t), signRaw(header, payload)); id.User != "user_2mine" || id.Org != "org_2mine" {
		t.Errorf("identity is %+v", id)
	}
}

// The last character of each part holds bits that no byte takes. A token with others there would be another text for the same thing.
func TestATokenIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	tried := 0
	for n := range 3 { // so that each part comes with each number of spare bits
		token := b.Sign(map[string]any{"kid": kid, "x": strings.Repeat("x", n)}, mustClaims(t, b, strings.Repeat("y", n)))
		accept(t, v, token)
		end := -1
		for range 3 {
			end += 1 + strings.IndexByte(token[end+1:]+".", '.')
			last := strings.IndexByte(alphabet, token[end-1])
			spelled := token[:end-1] + string(alphabet[last^1]) + token[end:]
			if part := spelled[strings.LastIndexByte(spelled[:end], '.')+1 : end]; len(part)%4 != 0 {
				tried++
				refuse(t, v, spelled, auth.CodeTokenMalformed)
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d other spellings were tried", tried)
	}
}

func mustClaims(t *testing.T, b *bed, extra string) map[string]any {
	t.Helper()
	claims, err := b.Claims(clerksim.TokenSpec{Claims: map[string]any{"extra": extra}})
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestClaimsOfOldTokensMayHaveNewNames(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	token := b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg, Version: 1, Claims: map[string]any{"o": 7, "fea": []int{1}, "pla": true}})
	if id := accept(t, b.verifier(t), token); id.Org == "" || id.Plan != "" || id.Features != nil {
		t.Errorf("identity of a token of version 1 is %+v", id)
	}
}

func TestPlanFeaturesAndActorAreTold(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	id := accept(t, b.verifier(t), b.edited(t, map[string]any{
		"pla": "o:pro", "fea": "o:invoices, u:beta",
		"act": map[string]any{"iss": "https://dashboard.clerk.com", "sub": "user_2support", "sid": "sess_2support", "type": "agent"},
	}))
	actor := &auth.Actor{Subject: "user_2support", Session: "sess_2support", Issuer: "https://dashboard.clerk.com", Type: "agent"}
	if id.Plan != "o:pro" || !slices.Equal(id.Features, []string{"o:invoices", "u:beta"}) || *id.Actor != *actor {
		t.Errorf("plan %q, features %q, actor %+v", id.Plan, id.Features, id.Actor)
	}
}

// Two instances may have keys of the same id. The key of one never checks a token of the other.
func TestTwoInstancesWithTheSameKeyIDNeverMix(t *testing.T) {
	t.Parallel()
	staging := newBedWith(t, clerksim.ClerkConfig{Issuer: "https://staging.clerk.accounts.dev", Key: firstKey()})
	prod := newBedWith(t, clerksim.ClerkConfig{Issuer: "https://clerk.example.com", Key: secondKey()})
	both := prod.verifier(t, func(cfg *auth.Config) { cfg.Issuers = []*auth.KeySet{staging.keySet(t), prod.keySet(t)} })

	for _, b := range []*bed{staging, prod, staging} { // whichever was asked first
		if id := accept(t, both, b.token(t, clerksim.TokenSpec{})); id.Issuer != b.Issuer() {
			t.Errorf("issuer is %s, want %s", id.Issuer, b.Issuer())
		}
	}
	claims, err := staging.Claims(clerksim.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	claims["iss"] = prod.Issuer()
	refuse(t, both, staging.Sign(nil, claims), auth.CodeSignatureInvalid)
	refuse(t, prod.verifier(t), staging.token(t, clerksim.TokenSpec{}), auth.CodeIssuerUnknown)
}

// A claim of the wrong type, a name twice, an id with something in it: each is refused for what it is.
func TestClaimsAreRefusedForWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	org := func(name string, value any) map[string]any {
		return map[string]any{"o": map[string]any{"id": "org_2a", "rol": "admin", "per": "read", "fpm": "1", name: value}}
	}
	for name, c := range map[string]struct {
		claims map[string]any
		want   auth.Code
	}{
		"masks in a list":         {org("fpm", []int{1}), auth.CodePermissionsMalformed},
		"a mask that is a number": {org("fpm", 1), auth.CodePermissionsMalformed},
		"actions in a list":       {org("per", []string{"read"}), auth.CodePermissionsMalformed},
		"features in a list":      {map[string]any{"fea": []string{"o:a"}}, auth.CodePermissionsMalformed},
		"a plan that is a number": {map[string]any{"pla": 7}, auth.CodeClaimsMalformed},
		"an unknown version":      {map[string]any{"v": 3, "o": 7}, auth.CodeVersionUnknown},
		"a slug that is a number": {org("slg", 7), auth.CodeOrgMalformed},
		"an id with a space":      {map[string]any{"sub": "user_2 a"}, auth.CodeSubjectRefused},
		"an id with a NUL":        {map[string]any{"sid": "sess_2\x00"}, auth.CodeSessionRefused},
		"an id that never ends":   {org("id", "org_"+strings.Repeat("a", 300)), auth.CodeOrgMalformed},
		"an id with a wildcard":   {org("id", "org_*"), auth.CodeOrgMalformed},
		"an actor in a list":      {map[string]any{"act": []any{}}, auth.CodeClaimsMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, v, b.edited(t, c.claims), c.want)
		})
	}
	claims, err := b.Claims(clerksim.TokenSpec{Org: clerksim.AnyOrg})
	if err != nil {
		t.Fatal(err)
	}
	for nested, want := range map[string]auth.Code{
		`{"id":"org_2a","rol":"member","rol":"admin"}`:                                   auth.CodeClaimsMalformed,
		`{"id":"org_2a","rol":"member","\u0072ol":"admin"}`:                              auth.CodeClaimsMalformed,
		`{"id":"org_2a","rol":"member","x":1,"x":2}`:                                     "", // which nobody reads
		`{"id":"org_2a","rol":"member","x":[{"rol":"admin"},{"rol":"admin"},"id","id"]}`: "",
	} {
		claims["o"] = json.RawMessage(nested)
		refuse(t, v, b.Sign(nil, claims), want)
	}
}

func TestClaimsThatNestTooDeepAreRefusedUnread(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	nested := func(depth int) any {
		var v any = "x"
		for range depth {
			v = []any{v}
		}
		return v
	}
	accept(t, v, b.edited(t, map[string]any{"x": nested(31)}))
	refuse(t, v, b.edited(t, map[string]any{"x": nested(32)}), auth.CodeTokenMalformed)
	accept(t, v, b.edited(t, map[string]any{"x": `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["\"`})) // brackets in a text nest nothing
}

func TestOnlyTheNamedAlgorithmsAreAccepted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var rs512 string
	for _, w := range clerksim.WrongTokens() {
		if w.Name == "alg-rs512" {
			rs512 = w.Mint(b.Clerk)
		}
	}
	algorithms := []string{"RS256", "RS512"}
	forAny := b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.URL, cfg.PEM, cfg.Algorithms = "", b.PublicKeyPEM(), algorithms })
	accept(t, b.verifier(t, func(cfg *auth.Config) { cfg.Algorithms, cfg.Issuers = algorithms, []*auth.KeySet{forAny} }), rs512)
	// The instance's key set says what its key is for.
	refuse(t, b.verifier(t, func(cfg *auth.Config) { cfg.Algorithms = algorithms }), rs512, auth.CodeAlgorithmRefused)
	for _, name := range []string{"HS256", "none", "ES256", "EdDSA", "PS256", ""} {
		if _, err := auth.NewVerifier(auth.Config{Issuers: []*auth.KeySet{forAny}, AllowMissingParty: true, Algorithms: []string{name}}); err == nil {
			t.Errorf("a verifier may be told to accept %q", name)
		}
	}
}

func TestAVerifierThatAcceptsNothingIsNotMade(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	keys := b.staticKeys(t)
	for name, cfg := range map[string]auth.Config{
		"no issuer":            {AllowMissingParty: true},
		"no keys":              {Issuers: []*auth.KeySet{nil}, AllowMissingParty: true},
		"an issuer twice":      {Issuers: []*auth.KeySet{keys, keys}, AllowMissingParty: true},
		"no party":             {Issuers: []*auth.KeySet{keys}},
		"an empty party":       {Issuers: []*auth.KeySet{keys}, AuthorizedParties: []string{""}},
		"a negative leeway":    {Issuers: []*auth.KeySet{keys}, AllowMissingParty: true, Leeway: -1},
		"a negative life time": {Issuers: []*auth.KeySet{keys}, AllowMissingParty: true, MaxLifetime: -1},
	} {
		if _, err := auth.NewVerifier(cfg); err == nil {
			t.Errorf("%s: a verifier was made", name)
		}
	}
}
