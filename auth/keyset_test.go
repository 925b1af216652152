package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// verifierOf is one whose keys are fetched.
func (b *bed) verifierOf(t testing.TB, keys *auth.KeySet) *auth.Verifier {
	t.Helper()
	return b.verifier(t, func(cfg *auth.Config) { cfg.Issuers = []*auth.KeySet{keys} })
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// With a warm key no request leaves the process, whatever is verified.
func TestVerifyingWithAWarmKeyMakesNoNetworkCall(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var calls atomic.Int64
	keys := b.keySet(t, func(cfg *auth.KeySetConfig) {
		cfg.Client = &http.Client{Transport: countingTransport{&calls}}
	})
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 1 {
		t.Fatalf("the first fetch took %d calls", calls.Load())
	}
	v := b.verifierOf(t, keys)
	good := b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg})
	for range 200 {
		accept(t, v, good)
	}
	for _, w := range clerksim.WrongTokens() {
		if wrong[w.Name] == auth.CodeTokenTooLarge || w.Strict {
			continue
		}
		if _, err := v.Verify(t.Context(), w.Mint(b.Clerk)); err == nil {
			t.Errorf("%s was accepted", w.Name)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls were made with a warm key", calls.Load()-1)
	}
}

type countingTransport struct{ calls *atomic.Int64 }

func (c countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls.Add(1)
	r.Close = true // no connection outlives the test
	return http.DefaultTransport.RoundTrip(r)
}

// A hundred requests with a key that nobody knows cost its issuer one fetch, and the next one only after the interval.
func TestAnUnknownKeyIsAskedForOnceInTheInterval(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifierOf(t, b.keySet(t))
	var unknown string
	for _, w := range clerksim.WrongTokens() {
		if w.Name == "key-unknown" {
			unknown = w.Mint(b.Clerk)
		}
	}
	flood := func() {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { refuse(t, v, unknown, auth.CodeKeyUnknown) })
		}
		all.Wait()
	}
	flood()
	if n := b.fetches.Load(); n != 1 {
		t.Errorf("100 requests at once cost %d fetches", n)
	}
	b.clock.add(9 * time.Second)
	flood()
	if n := b.fetches.Load(); n != 1 {
		t.Errorf("another 100 within the interval cost %d fetches", n-1)
	}
	b.clock.add(time.Second)
	flood()
	if n := b.fetches.Load(); n != 2 {
		t.Errorf("another 100 after the interval cost %d fetches", n-1)
	}
}

// Rotation: a new key is found when the first token names it; the old one goes at the same time.
func TestANewKeyIsFoundAndTheOldOneGoes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifierOf(t, b.keySet(t))
	old := b.token(t, clerksim.TokenSpec{})
	accept(t, v, old)

	b.RotateKey()
	b.clock.add(10 * time.Second)
	accept(t, v, old) // nobody has told yet
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
	refuse(t, v, old, auth.CodeKeyUnknown)
}

// A withdrawn key that no new one replaced goes when the keys are refreshed behind a request, which does not wait.
func TestAWithdrawnKeyGoesWithTheRefreshBehindARequest(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifierOf(t, b.keySet(t))
	claims := map[string]any{"exp": b.clock.now().Add(10 * time.Minute).Unix()}
	token := b.edited(t, claims)
	accept(t, v, token)

	b.RotateKey()
	b.clock.add(5*time.Minute - time.Second)
	accept(t, v, token)
	if n := b.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times before the keys were five minutes old", n)
	}
	b.clock.add(time.Second)
	accept(t, v, token) // with the key at hand
	eventually(t, "the withdrawn key is gone", func() bool {
		_, err := v.Verify(t.Context(), token)
		return auth.CodeOf(err) == auth.CodeKeyUnknown
	})
}

// A refresh that hangs holds up nobody who has a good key.
func TestASlowRefreshHoldsUpNobodyWithAGoodKey(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var calls atomic.Int64
	keys := b.keySet(t, func(cfg *auth.KeySetConfig) {
		cfg.Timeout, cfg.Client = time.Minute, &http.Client{Transport: countingTransport{&calls}}
	})
	v := b.verifierOf(t, keys)
	token := b.edited(t, map[string]any{"exp": b.clock.now().Add(10 * time.Minute).Unix()})
	accept(t, v, token)

	b.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) // until the key set is closed
	b.clock.add(6 * time.Minute)
	for range 50 {
		accept(t, v, token)
	}
	b.clock.add(time.Minute) // the interval has passed, the fetch has not
	for range 50 {
		accept(t, v, token)
	}
	keys.Close()
	if n := calls.Load(); n != 2 {
		t.Errorf("%d fetches at once, not one", n-1)
	}
}

const useless = `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"` + kid + `"},{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"` + kid + `"},{}]}`

// While the issuer cannot be reached good keys serve on, until they are too old; then nothing is accepted, and that is not the token's fault.
func TestKeysServeOnWhileTheirIssuerIsAwayUntilTheyAreTooOld(t *testing.T) {
	t.Parallel()
	// What comes may even hold the right keys: an answer that is not as it should be is no answer.
	padded := func(w http.ResponseWriter, keys []byte) {
		fmt.Fprintf(w, `%s,"x":%q}`, keys[:len(keys)-1], strings.Repeat("x", 64<<10))
	}
	for name, broken := range map[string]func(w http.ResponseWriter, r *http.Request, keys []byte){
		"down": func(w http.ResponseWriter, _ *http.Request, keys []byte) {
			w.WriteHeader(http.StatusBadGateway)
			w.Write(keys)
		},
		"huge":           func(w http.ResponseWriter, _ *http.Request, keys []byte) { padded(w, keys) },
		"no content":     func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusNoContent) },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, "<html>") },
		"no keys":        func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, `{"keys":[]}`) },
		"null":           func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, `null`) },
		"keys of no use": func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, useless) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request, keys []byte) {
			if r.URL.Path == "/elsewhere" {
				w.Write(keys)
				return
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			keys := b.keySet(t)
			v := b.verifierOf(t, keys)
			token := func() string { return b.token(t, clerksim.TokenSpec{}) }
			accept(t, v, token())
			good := b.JWKS()
			b.answers(func(w http.ResponseWriter, r *http.Request) { broken(w, r, good) })

			for range 5 {
				b.clock.add(11*time.Minute + 59*time.Second)
				accept(t, v, token())
				if err := keys.Refresh(t.Context()); err == nil { // which the request has begun
					t.Error("what came was taken for keys")
				}
			}
			if n := b.fetches.Load(); n != 6 {
				t.Errorf("asked %d times, not once each time", n)
			}
			b.clock.add(5 * time.Second) // an hour, to the second
			refuse(t, v, token(), auth.CodeKeysUnavailable)

			b.answers(nil)
			refuse(t, v, token(), auth.CodeKeysUnavailable) // within the interval nobody asks
			b.clock.add(10 * time.Second)
			accept(t, v, token())
		})
	}
}

// Whether a key is new cannot be told while nobody can be asked: that is not the token's fault.
func TestAnUnknownKeyWhileTheIssuerIsAwayIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifierOf(t, b.keySet(t))
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
	b.RotateKey()
	b.answers(down)
	b.clock.add(time.Minute)
	refuse(t, v, b.token(t, clerksim.TokenSpec{}), auth.CodeKeysUnavailable)
	b.answers(nil)
	b.clock.add(10 * time.Second)
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
}

func TestARequestWaitsForKeysOnlyAsLongAsItMay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	v := b.verifierOf(t, b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.Timeout = time.Minute }))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := v.Verify(ctx, b.token(t, clerksim.TokenSpec{})); auth.CodeOf(err) != auth.CodeKeysUnavailable {
		t.Errorf("refused with %v", err)
	}
}

// Closed, a set serves on with what it knows, and asks nobody.
func TestAClosedKeySetAsksNobody(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	keys := b.keySet(t)
	v := b.verifierOf(t, keys)
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
	keys.Close()
	b.clock.add(30 * time.Minute)
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
	b.clock.add(30 * time.Minute)
	refuse(t, v, b.token(t, clerksim.TokenSpec{}), auth.CodeKeysUnavailable)
	if n := b.fetches.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if err := keys.Refresh(t.Context()); err == nil {
		t.Error("a closed set was refreshed")
	}
}
