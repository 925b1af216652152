package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

const kid = "ins_2thesamekidinbothinstances01"

// Keys are slow to make, so instances share them. What a test says of keys is about these two.
var (
	firstKey  = sync.OnceValue(newKey)
	secondKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	return key
}

// clock stands still until it is told to move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().Truncate(time.Second).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) add(by time.Duration) { c.at.Add(int64(by)) }

// bed is a simulated Clerk that serves its keys over HTTP, and counts how often it is asked.
type bed struct {
	*clerksim.Clerk
	clock   *clock
	url     string
	fetches atomic.Int64
	// answer, when it is set, answers instead.
	answer atomic.Pointer[http.HandlerFunc]
}

func newBed(t testing.TB) *bed {
	t.Helper()
	return newBedWith(t, clerksim.ClerkConfig{})
}

func newBedWith(t testing.TB, cfg clerksim.ClerkConfig) *bed {
	t.Helper()
	b := &bed{clock: newClock()}
	cfg.Now, cfg.KeyID = b.clock.now, kid
	cfg.World.Users, cfg.World.Organizations = 5, 2
	if cfg.Key == nil {
		cfg.Key = firstKey()
	}
	b.Clerk = clerksim.NewClerk(cfg)
	for _, ok := b.NextFounding(); ok; _, ok = b.NextFounding() {
		continue
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.fetches.Add(1)
		if answer := b.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		w.Write(b.JWKS())
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// answers makes the keys' address answer otherwise; nil makes it answer again.
func (b *bed) answers(h http.HandlerFunc) {
	if h == nil {
		b.answer.Store(nil)
		return
	}
	b.answer.Store(&h)
}

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

func (b *bed) keySet(t testing.TB, change ...func(*auth.KeySetConfig)) *auth.KeySet {
	t.Helper()
	cfg := auth.KeySetConfig{Issuer: b.Issuer(), URL: b.url, Now: b.clock.now}
	for _, c := range change {
		c(&cfg)
	}
	keys, err := auth.NewKeySet(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return keys
}

// staticKeys are the instance's, given and not fetched.
func (b *bed) staticKeys(t testing.TB) *auth.KeySet {
	t.Helper()
	return b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.URL, cfg.JWKS = "", b.JWKS() })
}

func (b *bed) verifier(t testing.TB, change ...func(*auth.Config)) *auth.Verifier {
	t.Helper()
	cfg := auth.Config{AuthorizedParties: []string{b.AuthorizedParty()}, AllowMissingParty: true, Now: b.clock.now}
	for _, c := range change {
		c(&cfg)
	}
	if cfg.Issuers == nil {
		cfg.Issuers = []*auth.KeySet{b.staticKeys(t)}
	}
	v, err := auth.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bed) token(t testing.TB, spec clerksim.TokenSpec) string {
	t.Helper()
	token, err := b.Token(spec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// edited is a good token of a member, with some claims changed. A nil value removes one.
func (b *bed) edited(t testing.TB, claims map[string]any) string {
	t.Helper()
	return b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg, Claims: claims})
}

func accept(t testing.TB, v *auth.Verifier, token string) *auth.Identity {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("refused: %v (%v)", err, cause(err))
	}
	return id
}

func refuse(t testing.TB, v *auth.Verifier, token string, want auth.Code) {
	t.Helper()
	id, err := v.Verify(t.Context(), token)
	if got := auth.CodeOf(err); got != want {
		t.Errorf("refused with %q (%v), want %q", got, cause(err), want)
	}
	if id != nil && err != nil {
		t.Errorf("a refusal came with an identity")
	}
}

func cause(err error) error {
	if e, ok := err.(*auth.Error); ok { //nolint:errorlint // the very error, for a message
		return e.Unwrap()
	}
	return err
}
