package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	svix "github.com/svix/svix-webhooks/go"
)

const testSecret = "whsec_Y2xlcmtzdHJlYW0tdGVzdC1zZWNyZXQtMDAwMQ=="

// endpoint is a webhook target that takes what Svix' own library verifies.
type endpoint struct {
	*httptest.Server
	mu    sync.Mutex
	heard map[string]int // by type
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{heard: map[string]int{}}
	webhook, err := svix.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(body, r.Header)
		}
		var envelope struct{ Type string }
		if err != nil || json.Unmarshal(body, &envelope) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard[envelope.Type]++
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) count(typ string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[typ]
}

func (e *endpoint) await(t *testing.T, typ string, more int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); e.count(typ) < more; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d %s", e.count(typ), more, typ)
		}
	}
}

func TestSimSendsAHistoryAndEnds(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	out, code := command(t, "sim", "--url", e.URL, "--secret", testSecret, "--users", "5", "--organizations", "2", "--changes", "20", "--rate", "0", "--compress", "1e6")
	if code != 0 || !strings.Contains(out, "given_up=0") || e.count("user.created") < 5 {
		t.Errorf("exit %d, %d users: %s", code, e.count("user.created"), out)
	}
}

// The simulator as one runs it by hand: tokens that another library verifies against the keys it serves, and a change made over its API that arrives.
func TestSimThatListensMintsServesAndTells(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	sim := start(t, "sim", "--listen", "127.0.0.1:0", "--url", e.URL, "--secret", testSecret, "--users", "8", "--organizations", "2", "--changes=-1", "--rate", "0",
		"--compress", "1e6", "--grant", "org:admin=org:orders:read,org:orders:manage")
	keys := sim.line(t, "keys")
	secretKey := sim.line(t, "secret key")
	address := strings.TrimSuffix(keys, "/.well-known/jwks.json")
	e.await(t, "organization.created", 2)
	e.await(t, "organizationMembership.created", 2)
	e.await(t, "role.updated", 1) // the grant

	claims := verify(t, keys, tokenOf(t, address, "--role", "org:admin", "--client", "ios", "--version", "1"))
	user, org := claims["sub"].(string), claims["org_id"].(string)
	if claims["azp"] != nil || claims["org_role"] != "org:admin" {
		t.Errorf("%v", claims)
	}
	if held := fmt.Sprint(claims["org_permissions"]); held != "[org:orders:manage org:orders:read]" && held != "[org:orders:read org:orders:manage]" {
		t.Errorf("granted: %s", held)
	}
	if claims := verify(t, keys, tokenOf(t, address, "--user", user, "--org", org, "--lifetime", "5s")); claims["exp"].(float64)-claims["iat"].(float64) != 5 {
		t.Errorf("%v", claims)
	}
	if wrong := tokenOf(t, address, "--wrong", "alg-none"); !strings.HasSuffix(wrong, ".") {
		t.Errorf("a token without a signature: %s", wrong)
	}
	if out, code := command(t, "sim", "token", "--sim-url", address, "--user", "user_nobody"); code != 1 || !strings.Contains(out, `user "user_nobody": not found`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := command(t, "sim", "token", "--sim-url", address, "--world"); code != 0 || !strings.Contains(out, org) {
		t.Errorf("exit %d: %s", code, out)
	}

	before := e.count("organizationMembership.deleted")
	req, _ := http.NewRequest(http.MethodDelete, address+"/v1/organizations/"+org+"/memberships/"+user, nil)
	req.Header.Set("Authorization", "Bearer "+secretKey)
	res, err := e.Client().Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	e.await(t, "organizationMembership.deleted", before+1)

	_ = sim.cmd.Process.Signal(os.Interrupt)
	if code := sim.end(t); code != 0 {
		t.Errorf("an interrupt ends it with %d:\n%s", code, sim.printed())
	}
}

func tokenOf(t *testing.T, address string, args ...string) string {
	t.Helper()
	out, code := command(t, append([]string{"sim", "token", "--sim-url", address}, args...)...)
	if code != 0 || strings.Count(out, "\n") != 1 {
		t.Fatalf("exit %d: %s", code, out)
	}
	return strings.TrimSpace(out)
}

func verify(t *testing.T, keysURL, token string) map[string]any {
	t.Helper()
	res, err := http.Get(keysURL)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(keys)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestSimTokenListsWhatIsWrongWithoutASimulator(t *testing.T) {
	t.Parallel()
	out, code := command(t, "sim", "token", "--list-wrong")
	if code != 0 || strings.Count(out, "\n") < 60 || !strings.Contains(out, "alg-hs256-pem ") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestSimTokenSaysWhatItWasToldWrong(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]int{"--client=fax": 2, "--version=3": 2, "--wrong=x --claims": 2, "--sim-url=http://127.0.0.1:1": 1} {
		out, code := command(t, append([]string{"sim", "token"}, strings.Fields(flag)...)...)
		if code != want || !strings.Contains(out, "clerkstream: ") {
			t.Errorf("%s: exit %d: %s", flag, code, out)
		}
	}
}
