package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// A set in which one id stands for two keys is no set, and replaces none.
func TestAKeyIDThatStandsForTwoKeysIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	both, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &firstKey().PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"},
		{Key: &secondKey().PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewKeySet(auth.KeySetConfig{Issuer: b.Issuer(), JWKS: both}); err == nil {
		t.Error("a set with an id for two keys was accepted")
	}
}

// Only public keys that are long enough and made for the accepted algorithms are keys.
func TestKeysOfAnotherKindAreIgnored(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key        jose.JSONWebKey
		algorithms []string
		good       bool
	}{
		"RSA":                      {jose.JSONWebKey{Key: firstKey().Public()}, nil, true},
		"RSA, for signatures":      {jose.JSONWebKey{Key: firstKey().Public(), Use: "sig", Algorithm: "RS256"}, nil, true},
		"RSA, for encryption":      {jose.JSONWebKey{Key: firstKey().Public(), Use: "enc"}, nil, false},
		"RSA, for RS512":           {jose.JSONWebKey{Key: firstKey().Public(), Algorithm: "RS512"}, nil, false},
		"RSA, for RS512, accepted": {jose.JSONWebKey{Key: firstKey().Public(), Algorithm: "RS512"}, []string{"RS256", "RS512"}, true},
		"RSA, for PS256":           {jose.JSONWebKey{Key: firstKey().Public(), Algorithm: "PS256"}, nil, false},
		"RSA of 1024 bits":         {jose.JSONWebKey{Key: short.Public()}, nil, false},
		"RSA, private":             {jose.JSONWebKey{Key: firstKey()}, nil, false},
		"symmetric":                {jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef")}, nil, false},
		"EC":                       {jose.JSONWebKey{Key: ec.Public()}, nil, false},
		"EC, accepted":             {jose.JSONWebKey{Key: ec.Public()}, []string{"ES256"}, true},
		"EC, another curve":        {jose.JSONWebKey{Key: wide.Public()}, []string{"ES256"}, false},
		"EC for RS256":             {jose.JSONWebKey{Key: ec.Public(), Algorithm: "RS256"}, []string{"ES256", "RS256"}, false},
		"Ed25519, accepted":        {jose.JSONWebKey{Key: edwards}, []string{"EdDSA"}, true},
	} {
		c.key.KeyID = kid
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{c.key}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := auth.NewKeySet(auth.KeySetConfig{Issuer: "x", JWKS: text, Algorithms: c.algorithms}); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeySetThatCannotBeRightIsNotMade(t *testing.T) {
	t.Parallel()
	const issuer = "https://clerk.example.com"
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(firstKey())})
	for name, cfg := range map[string]auth.KeySetConfig{
		"no issuer":           {URL: "https://clerk.example.com"},
		"issuer is no URL":    {Issuer: "clerk"},
		"plain http":          {Issuer: "http://clerk.example.com"},
		"two sources":         {Issuer: issuer, URL: issuer, PEM: []byte("x")},
		"no PEM":              {Issuer: issuer, PEM: []byte("x")},
		"a private key":       {Issuer: issuer, PEM: private},
		"no JWKS":             {Issuer: issuer, JWKS: []byte("x")},
		"symmetric":           {Issuer: issuer, Algorithms: []string{"HS256"}},
		"none":                {Issuer: issuer, Algorithms: []string{"none"}},
		"negative":            {Issuer: issuer, Timeout: -1},
		"too old too soon":    {Issuer: issuer, MaxAge: time.Minute, RefreshAfter: time.Hour},
		"another file's type": {Issuer: issuer, URL: "file:///etc/keys"},
	} {
		if _, err := auth.NewKeySet(cfg); err == nil {
			t.Errorf("%s: a key set was made", name)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
	for _, cfg := range []auth.KeySetConfig{
		{Issuer: issuer}, {Issuer: "http://127.0.0.1:8090"}, {Issuer: issuer, URL: "http://sim:8090/jwks", AllowPlainHTTP: true}, {Issuer: issuer, MaxAge: time.Second},
	} {
		keys, err := auth.NewKeySet(cfg)
		if err != nil {
			t.Errorf("%+v: %v", cfg, err)
			continue
		}
		keys.Close()
	}
}

// The key from the dashboard checks tokens whatever key id they name, and is fetched from nowhere.
func TestThePublicKeyOfTheDashboardNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(b.PublicKey())})
	for _, text := range [][]byte{b.PublicKeyPEM(), pkcs1} {
		keys := b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.URL, cfg.PEM = "", text })
		v := b.verifierOf(t, keys)
		accept(t, v, b.token(t, clerksim.TokenSpec{}))
		b.clock.add(48 * time.Hour)
		accept(t, v, b.token(t, clerksim.TokenSpec{}))
		for _, w := range clerksim.WrongTokens() {
			if w.Name == "key-of-other-instance" || w.Name == "key-unknown" {
				refuse(t, v, w.Mint(b.Clerk), auth.CodeSignatureInvalid)
			}
		}
		if err := keys.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := b.fetches.Load(); n != 0 {
		t.Errorf("fetched %d times", n)
	}
}

func TestAKeySetAsksForTheKeysOfItsIssuer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.Write(b.JWKS())
	}))
	defer server.Close()
	for _, cfg := range []auth.KeySetConfig{{Issuer: server.URL}, {Issuer: server.URL, URL: server.URL + "/v1/jwks", Secret: "sk_test_x"}} {
		keys, err := auth.NewKeySet(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		keys.Close()
	}
	if want := []string{"GET /.well-known/jwks.json ", "GET /v1/jwks Bearer sk_test_x"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
