package forward

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
)

const gatewayURL = "https://gateway.example.com"

// noon is when these tests happen.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// bed is a gateway and the service orders behind it.
type bed struct {
	key      crypto.Signer
	signer   *Signer
	verifier *Verifier
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{key: newKey(t)}
	b.signer = newSigner(t, SignerConfig{Key: b.key})
	b.verifier = newVerifier(t, b.signer.jwks, VerifierConfig{})
	return b
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newECKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSigner(t *testing.T, c SignerConfig) *Signer {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = gatewayURL
	}
	if c.Now == nil {
		c.Now = clock
	}
	s, err := NewSigner(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newVerifier(t *testing.T, jwks []byte, c VerifierConfig) *Verifier {
	t.Helper()
	if c.Keys == nil {
		c.Keys = gatewayKeys(t, func(c *auth.KeySetConfig) { c.JWKS = jwks })
	}
	if c.Audience == "" {
		c.Audience = "orders"
	}
	if c.Now == nil {
		c.Now = clock
	}
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newKeys(t *testing.T, c auth.KeySetConfig) *auth.KeySet {
	t.Helper()
	keys, err := auth.NewKeySet(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return keys
}

func gatewayKeys(t *testing.T, edit func(*auth.KeySetConfig)) *auth.KeySet {
	t.Helper()
	c := KeySetConfig(gatewayURL)
	edit(&c)
	return newKeys(t, c)
}

// ada is a caller of whom everything is known.
func ada() *auth.Identity {
	return &auth.Identity{
		User: "user_ada", Session: "sess_1", Org: "org_acme", OrgSlug: "acme", Role: "org:admin", Permissions: []string{"org:orders:manage"},
		Features: []string{"o:orders"}, Plan: "o:pro", Platform: auth.PlatformIOS,
		Actor:  &auth.Actor{Subject: "user_support", Session: "sess_9", Issuer: "https://dashboard.example", Type: "agent"},
		Issuer: "https://clerk.example.com", AuthorizedParty: "https://app.example.com",
		IssuedAt: noon.Add(-20 * time.Second), ExpiresAt: noon.Add(40 * time.Second),
		Factors: auth.Factors{First: noon.Add(-5 * time.Minute), Second: noon.Add(-4 * time.Minute)},
	}
}

func (b *bed) sign(t *testing.T) string {
	t.Helper()
	token, err := b.signer.Sign(ada(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge signs whatever a test makes of a good token, with the gateway's own key.
func (b *bed) forge(t *testing.T, typ string, edit func(payload, caller map[string]any)) string {
	t.Helper()
	good, err := jose.ParseSignedCompact(b.sign(t), []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var payload map[string]any
	if err := json.Unmarshal(good.UnsafePayloadWithoutVerification(), &payload); err != nil {
		t.Fatal(err)
	}
	edit(payload, payload["caller"].(map[string]any))
	return b.signAs(t, "", typ, payload)
}

// signAs signs anything under any key id; without one it is the key's own.
func (b *bed) signAs(t *testing.T, kid, typ string, payload any) string {
	t.Helper()
	if jwk, err := publicJWK(b.key.Public()); err != nil {
		t.Fatal(err)
	} else if kid == "" {
		kid = jwk.KeyID
	}
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	return compact(t, jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: b.key, KeyID: kid}}, options, payload)
}

func compact(t *testing.T, key jose.SigningKey, options *jose.SignerOptions, payload any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// refused expects one reason and no other.
func refused(t *testing.T, v *Verifier, token string, want auth.Code) {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if got := auth.CodeOf(err); got != want || id != nil {
		t.Errorf("refused for %q (%v), not %q", got, err, want)
	}
}

// requested is a request with an Authorization header for each of the values.
func requested(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	for _, v := range values {
		r.Header.Add("Authorization", v)
	}
	return r
}
