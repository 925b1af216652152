package forward

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func httpHandler(s func() *Signer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s().JWKS().ServeHTTP(w, r) })
}

func TestARightlySignedTokenThatSaysSomethingWrongIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	type claims = map[string]any
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, c := range map[string]struct {
		edit func(payload, caller claims)
		want auth.Code
	}{
		"nothing":                   {func(claims, claims) {}, ""},
		"another issuer":            {func(p, _ claims) { p["iss"] = "https://gateway.example.org" }, auth.CodeIssuerUnknown},
		"no issuer":                 {func(p, _ claims) { delete(p, "iss") }, auth.CodeIssuerUnknown},
		"another service":           {func(p, _ claims) { p["aud"] = "payments" }, CodeAudienceRefused},
		"a service of like name":    {func(p, _ claims) { p["aud"] = "Orders" }, CodeAudienceRefused},
		"no service":                {func(p, _ claims) { delete(p, "aud") }, CodeAudienceRefused},
		"several services":          {func(p, _ claims) { p["aud"] = []string{"orders", "payments"} }, auth.CodeClaimsMalformed},
		"expired":                   {func(p, _ claims) { p["iat"], p["exp"] = at(-40*time.Second), at(-6*time.Second) }, auth.CodeTokenExpired},
		"no expiry":                 {func(p, _ claims) { delete(p, "exp") }, auth.CodeExpiryMissing},
		"no time of issue":          {func(p, _ claims) { delete(p, "iat") }, auth.CodeIssuedAtMissing},
		"from the future":           {func(p, _ claims) { p["iat"] = at(6 * time.Second) }, auth.CodeIssuedInFuture},
		"too long a life":           {func(p, c claims) { p["exp"], c["exp"] = at(61*time.Second), at(time.Hour) }, auth.CodeLifetimeTooLong},
		"longer than its original":  {func(p, c claims) { p["exp"] = at(41 * time.Second) }, auth.CodeClaimsMalformed},
		"no original time of issue": {func(_, c claims) { delete(c, "iat") }, auth.CodeClaimsMalformed},
		"no original expiry":        {func(_, c claims) { delete(c, "exp") }, auth.CodeClaimsMalformed},
		"no user":                   {func(p, _ claims) { delete(p, "sub") }, auth.CodeSubjectMissing},
		"no session":                {func(_, c claims) { delete(c, "sid") }, auth.CodeSessionMissing},
		"no caller":                 {func(p, _ claims) { delete(p, "caller") }, auth.CodeSessionMissing},
		"a user that is no text":    {func(p, _ claims) { p["sub"] = 7 }, auth.CodeClaimsMalformed},
		"permissions as text":       {func(_, c claims) { c["org_permissions"] = "org:orders:manage" }, auth.CodeClaimsMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := refused
			if c.want == "" {
				refused = passes
			}
			refused(t, b.verifier, b.forge(t, Type, c.edit), c.want)
		})
	}
}

func passes(t *testing.T, v *Verifier, token string, _ auth.Code) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("refused: %v", err)
	}
}

func TestAnotherTypeIsRefusedWhoeverSignedIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	unchanged := func(_, _ map[string]any) {}
	for _, typ := range []string{"", "JWT", "at+jwt", "application/" + Type, strings.ToUpper(Type), Type + " "} {
		refused(t, b.verifier, b.forge(t, typ, unchanged), auth.CodeTypeRefused)
	}
	passes(t, b.verifier, b.forge(t, Type, unchanged), "")
}

func TestAForgedSignatureIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	good := b.sign(t)
	parts := strings.Split(good, ".")
	kid, err := publicJWK(b.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	header := func(alg string) string {
		return encode(`{"alg":"` + alg + `","typ":"` + Type + `","kid":"` + kid.KeyID + `"}`)
	}
	// The oldest trick: the public key is no secret, so let it be the secret of a MAC.
	mac := compact(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(b.key.Public().(ed25519.PublicKey)), KeyID: kid.KeyID}},
		(&jose.SignerOptions{}).WithType(Type), map[string]any{"iss": gatewayURL})
	stranger := newBed(t)
	for name, c := range map[string]struct {
		token string
		want  auth.Code
	}{
		"nothing":                      {"", auth.CodeTokenMalformed},
		"no JWS":                       {"user_ada", auth.CodeTokenMalformed},
		"truncated":                    {good[:len(good)-10], auth.CodeSignatureInvalid},
		"without signature":            {parts[0] + "." + parts[1] + ".", auth.CodeSignatureInvalid},
		"alg none":                     {header("none") + "." + parts[1] + ".", auth.CodeAlgorithmRefused},
		"alg HS256":                    {mac, auth.CodeAlgorithmRefused},
		"alg RS256":                    {header("RS256") + "." + parts[1] + "." + parts[2], auth.CodeAlgorithmRefused},
		"alg ES256 for an Ed25519 key": {header("ES256") + "." + parts[1] + "." + parts[2], auth.CodeAlgorithmRefused},
		"another payload":              {parts[0] + "." + encode(`{"iss":"`+gatewayURL+`","aud":"orders","sub":"user_eve"}`) + "." + parts[2], auth.CodeSignatureInvalid},
		"another gateway's":            {stranger.sign(t), auth.CodeKeyUnknown},
		"another gateway's, our kid":   {stranger.signAs(t, kid.KeyID, Type, map[string]any{"iss": gatewayURL}), auth.CodeSignatureInvalid},
		"huge":                         {good + strings.Repeat("A", MaxTokenBytes), auth.CodeTokenTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, b.verifier, c.token, c.want)
		})
	}
}

func TestEachChangedBitOfATokenIsSeen(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	good := []byte(b.sign(t))
	for i := range good {
		if good[i] == '.' {
			continue
		}
		changed := append([]byte(nil), good...)
		changed[i] ^= 1
		if _, err := b.verifier.Verify(t.Context(), string(changed)); err == nil {
			t.Fatalf("character %d, %q for %q, makes no difference", i, changed[i], good[i])
		}
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// Neither kind of token passes for the other, even where one key set would take both.
func TestClerkTokensAndIdentityTokensDoNotPassForEachOther(t *testing.T) {
	t.Parallel()
	clerk := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 3, Organizations: 1, Changes: -1}, Now: clock})
	for _, ok := clerk.Next(); ok; {
		_, ok = clerk.Next()
	}
	clerkToken, err := clerk.Token(clerksim.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	clerkKeys := func(algorithms ...string) *auth.KeySet {
		return newKeys(t, auth.KeySetConfig{Issuer: clerk.Issuer(), JWKS: clerk.JWKS(), Algorithms: algorithms})
	}
	atClerks, err := auth.NewVerifier(auth.Config{Issuers: []*auth.KeySet{clerkKeys()}, AuthorizedParties: []string{clerk.AuthorizedParty()}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := atClerks.Verify(t.Context(), clerkToken); err != nil {
		t.Fatalf("a good Clerk token is refused: %v", err)
	}
	b := newBed(t)
	refused(t, b.verifier, clerkToken, auth.CodeAlgorithmRefused)
	refused(t, newVerifier(t, nil, VerifierConfig{Keys: clerkKeys("RS256")}), clerkToken, auth.CodeTypeRefused)
	if _, err := atClerks.Verify(t.Context(), b.sign(t)); err == nil {
		t.Error("an identity token passes for Clerk's")
	}
	claims, err := clerk.Claims(clerksim.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	typed := clerk.Sign(map[string]any{"alg": "RS256", "typ": Type, "kid": clerk.KeyID()}, claims)
	if _, err := atClerks.Verify(t.Context(), typed); auth.CodeOf(err) != auth.CodeTypeRefused {
		t.Errorf("an identity token with Clerk's own signature: %v", err)
	}
}

func TestOnlyOneBearerTokenNamesTheCaller(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	good := "Bearer " + b.sign(t)
	for name, c := range map[string]struct {
		headers []string
		want    auth.Code
	}{
		"none":           {nil, auth.CodeTokenMissing},
		"one":            {[]string{good}, ""},
		"in lower case":  {[]string{strings.Replace(good, "Bearer", "bearer", 1)}, ""},
		"two":            {[]string{good, good}, auth.CodeTokenConflict},
		"of another way": {[]string{"Basic dXNlcjpwYXNz"}, auth.CodeTokenMissing},
		"empty":          {[]string{"Bearer "}, auth.CodeTokenMalformed},
	} {
		r := requested(c.headers...)
		for _, header := range []string{"X-User-Id", "X-Forwarded-User", "X-Clerk-User-Id"} {
			r.Header.Set(header, "user_eve")
		}
		r.AddCookie(&http.Cookie{Name: "__session", Value: b.sign(t)})
		id, err := b.verifier.Authenticate(r)
		if auth.CodeOf(err) != c.want || err == nil && id.User != "user_ada" {
			t.Errorf("%s: %v, not %q", name, err, c.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("", []byte(nil))
	f.Add(Type, []byte(`{"iss":"https://gateway.example.com","aud":"orders","sub":"user_ada","iat":1,"exp":2,"caller":{"act":null,"iat":1e400}}`))
	f.Fuzz(func(t *testing.T, typ string, payload []byte) {
		b := newBed(t)
		if json.Valid(payload) {
			_, _ = b.verifier.Verify(t.Context(), b.signAs(t, "", typ, json.RawMessage(payload)))
		}
		_, _ = b.verifier.Verify(t.Context(), typ)
	})
}
