package forward

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/auth"
)

func TestTheServiceSeesTheCallerWhole(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"EdDSA": newKey(t), "ES256": newECKey(t, elliptic.P256())} {
		signer := newSigner(t, SignerConfig{Key: key})
		token, err := signer.Sign(ada(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		got, err := newVerifier(t, signer.jwks, VerifierConfig{}).Authenticate(requested("Bearer " + token))
		if err != nil {
			t.Fatalf("%s: %v", name, errors.Unwrap(err))
		}
		if diff := cmp.Diff(ada(), got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// What the comparison cannot see is what ada lacks: a field that is new in Identity must be forwarded too.
	for _, value := range []any{*ada(), *ada().Actor, ada().Factors} {
		v := reflect.ValueOf(value)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T.%s is never forwarded here", value, v.Type().Field(i).Name)
			}
		}
	}
}

func TestACallerWithoutOrganizationActorOrFactorsHasNoneBehindTheGateway(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	want := &auth.Identity{User: "user_ada", Session: "sess_1", Issuer: "https://clerk.example.com", IssuedAt: noon, ExpiresAt: noon.Add(time.Minute)}
	token, err := b.signer.Sign(want, "orders")
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
}

func TestATokenLivesForSecondsAndNeverLongerThanWhatItWasMadeFrom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left, after time.Duration // of the original token; until the service looks
		want        auth.Code
	}{
		"fresh":                         {40 * time.Second, 29 * time.Second, ""},
		"past its lifetime, in leeway":  {40 * time.Second, 34 * time.Second, ""},
		"past its lifetime":             {40 * time.Second, 35 * time.Second, auth.CodeTokenExpired},
		"original expires first":        {10 * time.Second, 9 * time.Second, ""},
		"original has expired":          {10 * time.Second, 15 * time.Second, auth.CodeTokenExpired},
		"original had expired, leeway":  {-2 * time.Second, 0, ""},
		"original had expired, in fact": {-5 * time.Second, 0, auth.CodeTokenExpired},
	} {
		b := newBed(t)
		caller := ada()
		caller.ExpiresAt = noon.Add(c.left)
		token, err := b.signer.Sign(caller, "orders")
		if err != nil {
			t.Fatal(err)
		}
		b.verifier.config.Now = func() time.Time { return noon.Add(c.after) }
		if _, err := b.verifier.Verify(t.Context(), token); auth.CodeOf(err) != c.want {
			t.Errorf("%s: %v, not %q", name, err, c.want)
		}
	}
}

func TestWhatNoTokenSaidIsNotSigned(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for name, edit := range map[string]func(*auth.Identity){
		"no user":    func(id *auth.Identity) { id.User = "" },
		"no session": func(id *auth.Identity) { id.Session = "" },
		"no expiry":  func(id *auth.Identity) { id.ExpiresAt = time.Time{} },
		"too much":   func(id *auth.Identity) { id.Permissions = make([]string, 20_000) },
	} {
		caller := ada()
		edit(caller)
		if token, err := b.signer.Sign(caller, "orders"); err == nil || token != "" {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := b.signer.Sign(nil, "orders"); err == nil {
		t.Error("nobody: signed")
	}
	if _, err := b.signer.Sign(ada(), ""); err == nil {
		t.Error("for no service: signed")
	}
}

func TestAWrongSignerOrVerifierIsNotBuilt(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]SignerConfig{
		"no key":             {Issuer: gatewayURL},
		"no issuer":          {Key: newKey(t)},
		"an RSA key":         {Key: rsaKey, Issuer: gatewayURL},
		"another curve":      {Key: newECKey(t, elliptic.P384()), Issuer: gatewayURL},
		"RSA published":      {Key: newKey(t), Published: []crypto.PublicKey{rsaKey.Public()}, Issuer: gatewayURL},
		"too long a life":    {Key: newKey(t), Issuer: gatewayURL, Lifetime: 2 * time.Minute},
		"a life of no time":  {Key: newKey(t), Issuer: gatewayURL, Lifetime: time.Millisecond},
		"a life of the past": {Key: newKey(t), Issuer: gatewayURL, Lifetime: -time.Second},
	} {
		if _, err := NewSigner(c); err == nil {
			t.Errorf("signer with %s is built", name)
		}
	}
	_, err = NewVerifier(VerifierConfig{Leeway: time.Hour})
	for _, missing := range []string{"keys", "audience", "leeway"} {
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("the error does not name %s: %v", missing, err)
		}
	}
}

func TestServicesFollowTheKeysOfTheirGateway(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	var now atomic.Pointer[Signer]
	now.Store(newSigner(t, SignerConfig{Key: first, Published: []crypto.PublicKey{second.Public()}}))
	server := httptest.NewServer(httpHandler(now.Load))
	t.Cleanup(server.Close)
	keys := gatewayKeys(t, func(c *auth.KeySetConfig) { c.URL, c.MinInterval = server.URL, time.Nanosecond })
	verifier := newVerifier(t, nil, VerifierConfig{Keys: keys})
	passes := func(s *Signer, want auth.Code) {
		t.Helper()
		token, err := s.Sign(ada(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), token); auth.CodeOf(err) != want {
			t.Errorf("%v, not %q", err, want)
		}
	}
	old, next := now.Load(), newSigner(t, SignerConfig{Key: second, Published: []crypto.PublicKey{first.Public()}})
	passes(old, "")
	passes(next, "") // it was published before it signed
	now.Store(next)
	passes(old, "") // made before the turn, looked at after it
	third := newSigner(t, SignerConfig{Key: newKey(t)})
	passes(third, auth.CodeKeyUnknown)
	now.Store(third)
	passes(third, "") // an unknown key is asked for
	passes(old, auth.CodeKeyUnknown)
}

// revocations is a Revocations made of a function.
type revocations func(*auth.Identity) error

func (f revocations) Check(_ context.Context, id *auth.Identity) error { return f(id) }

func TestRevocationsAreAskedAboutTheOriginalToken(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	token := b.sign(t)
	var asked *auth.Identity
	answer := error(nil)
	v := newVerifier(t, b.signer.jwks, VerifierConfig{Revocations: revocations(func(id *auth.Identity) error {
		asked = id
		return answer
	})})
	if _, err := v.Verify(t.Context(), token); err != nil || asked == nil || !asked.IssuedAt.Equal(ada().IssuedAt) {
		t.Errorf("asked about %v: %v", asked, err)
	}
	answer = auth.Refuse(auth.CodeMembershipRemoved, nil)
	refused(t, v, token, auth.CodeMembershipRemoved)
	answer = errors.New("no idea")
	refused(t, v, token, auth.CodeFreshnessUnknown)
}
