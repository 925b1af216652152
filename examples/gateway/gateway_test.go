package main

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/forward"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a gateway in front of services that one handler plays.
type bed struct {
	clerk    *clerksim.Clerk
	gateway  *gateway
	server   *httptest.Server
	verifier map[string]*forward.Verifier // by service
}

func newBed(t *testing.T, service http.HandlerFunc, edit ...func(*config)) *bed {
	t.Helper()
	b := &bed{verifier: map[string]*forward.Verifier{}}
	b.clerk = clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 5, Organizations: 2, Changes: -1, OddRate: -1}})
	for _, ok := b.clerk.Next(); ok; {
		_, ok = b.clerk.Next()
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.clerk.JWKS()) }))
	t.Cleanup(jwks.Close)
	upstream := httptest.NewServer(service)
	t.Cleanup(upstream.Close)
	c := config{
		Issuer: b.clerk.Issuer(), JWKSURL: jwks.URL, Parties: []string{b.clerk.AuthorizedParty()}, NativeClients: true,
		GatewayURL: "http://gateway.example", Services: []string{"orders", "payments"}, Rate: 1, Burst: 1000,
	}
	for _, e := range edit {
		e(&c)
	}
	var err error
	b.gateway, err = newGateway(t.Context(), c, func(string) string { return upstream.URL }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.gateway.close)
	b.server = httptest.NewServer(b.gateway.handler())
	t.Cleanup(b.server.Close)
	for _, name := range c.Services {
		b.verifier[name] = b.service(t, name)
	}
	return b
}

// service is how a service behind the gateway verifies.
func (b *bed) service(t *testing.T, name string) *forward.Verifier {
	t.Helper()
	k := forward.KeySetConfig("http://gateway.example")
	k.URL = b.server.URL + "/.well-known/jwks.json"
	keys, err := auth.NewKeySet(k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	v, err := forward.NewVerifier(forward.VerifierConfig{Keys: keys, Audience: name})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bed) token(t *testing.T, spec clerksim.TokenSpec) string {
	t.Helper()
	token, err := b.clerk.Token(spec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (b *bed) get(t *testing.T, path string, header http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	answer, err := b.server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// expectProblem reads the code of a refusal.
func expectProblem(t *testing.T, answer *http.Response, status int, code string) {
	t.Helper()
	var problem struct{ Code string }
	if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil || answer.StatusCode != status || problem.Code != code {
		t.Errorf("answered %s %q (%v), not %d %q", answer.Status, problem.Code, err, status, code)
	}
}

func TestWhatAClientSaysAboutItselfEndsAtTheGateway(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	b := newBed(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	token := b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg})
	header := bearer(token)
	spoofed := []string{
		"X-User", "X-User-Id", "X_User_Id", "x-user-ID", "X-Org-Id", "X-Organization-Id", "X-Tenant-Id", "X-Clerk-User-Id", "X-Clerk-Auth-Status", "X-Auth-User",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X_Forwarded_User", "Remote-User", "X-Remote-User", "X-Role", "X-Permissions",
		"X-Impersonate-User", "X-Amzn-Oidc-Identity", "X-Goog-Iap-Jwt-Assertion", "Cf-Access-Jwt-Assertion", "Proxy-Authorization", "X-Session-Id",
		"X-Userid", "X-Username", "X-Orgid", "X-Tenantid", "X-Email", "X-Groups", "Remote-Groups", "Remote-Email", "X-Webauth-User", "X-Consumer-Id", "X-Ssl-Client-Verify",
		"X-Forwarded-Client-Cert", "X-Real-Ip", "X_Forwarded_For", "X_Real_Ip", "X.User.Id", "X-User.Id", "X~User~Id",
	}
	for _, name := range spoofed {
		header[name] = []string{"user_eve"}
	}
	header["X-Forwarded-For"], header["Forwarded"] = []string{"203.0.113.7"}, []string{"for=203.0.113.7"}
	// A proxy drops what Connection names: not the gateway's own word.
	header["Connection"] = []string{"Authorization, X-Forwarded-For"}
	header["Cookie"] = []string{"theme=dark; __session=" + token + "; __session_abc=" + token + "; __client_uat=1", "__clerk_db_jwt=x; lang=de"}
	header["X-Request-Id"], header["X-Client-Version"] = []string{"r1"}, []string{"7"}
	if answer := b.get(t, "/orders/7?a=1", header); answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	got := <-seen
	for _, name := range spoofed {
		if v, ok := got.Header[name]; ok {
			t.Errorf("the service sees %s: %q", name, v)
		}
	}
	for name, value := range got.Header {
		if text := strings.Join(value, ""); strings.Contains(text, token) || strings.Contains(text, "user_eve") || strings.Contains(text, "203.0.113.7") {
			t.Errorf("the service sees what the client said in %s", name)
		}
	}
	if from := got.Header["X-Forwarded-For"]; len(from) != 1 || from[0] != "127.0.0.1" {
		t.Errorf("the service sees that it came from %q", from)
	}
	if got.Header.Get("Cookie") != "theme=dark; lang=de" || got.Header.Get("X-Request-Id") != "r1" || got.Header.Get("X-Client-Version") != "7" || got.URL.RequestURI() != "/orders/7?a=1" {
		t.Errorf("what says nothing of the caller does not pass: %v %s", got.Header, got.URL)
	}
	id, err := b.verifier["orders"].Authenticate(got.WithContext(t.Context()))
	claims, _ := b.clerk.Claims(clerksim.TokenSpec{Org: clerksim.AnyOrg})
	if err != nil || id.User != claims["sub"] || id.Org == "" {
		t.Errorf("the service sees %+v: %v", id, err)
	}
}

func TestATokenForOneServiceIsNoneForAnother(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	b := newBed(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	for _, name := range []string{"orders", "payments"} {
		b.get(t, "/"+name, bearer(b.token(t, clerksim.TokenSpec{})))
		got := <-seen
		for service, verifier := range b.verifier {
			if _, err := verifier.Authenticate(got.WithContext(t.Context())); (err == nil) != (service == name) {
				t.Errorf("what is for %s at %s: %v", name, service, err)
			}
		}
	}
}

func TestTheGatewayAnswersForItself(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(http.ResponseWriter, *http.Request) {})
	expectProblem(t, b.get(t, "/orders", nil), http.StatusUnauthorized, "token_missing")
	expectProblem(t, b.get(t, "/orders", bearer("nonsense")), http.StatusUnauthorized, "token_malformed")
	for path, want := range map[string]int{
		"/healthz": 200, "/.well-known/jwks.json": 200, "/": 404, "/ordersx": 404, "/elsewhere": 404, "/orders/..%2fpayments": 401,
	} {
		if got := b.get(t, path, nil).StatusCode; got != want {
			t.Errorf("%s: %d, not %d", path, got, want)
		}
	}
	b.gateway.upstreams["orders"].Host = "127.0.0.1:1"
	expectProblem(t, b.get(t, "/orders", bearer(b.token(t, clerksim.TokenSpec{}))), http.StatusBadGateway, "service_unreachable")
}

// What stays below /orders here may be elsewhere to a service that decodes once more, or reads a path in Tomcat's way.
func TestNoPathLeavesItsService(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(http.ResponseWriter, *http.Request) {})
	token := bearer(b.token(t, clerksim.TokenSpec{}))
	for _, path := range []string{
		"/orders/%2e%2e/metrics", "/orders/%2E./metrics", "/orders/..%2fmetrics", "/orders/..%2Fmetrics", "/orders/%2e%2e%2fmetrics", "/orders/..%5cmetrics", "/orders/..;/metrics",
		"/orders/..;a=b/metrics", "/orders/7/%2e%2e/%2e%2e/metrics", "/orders/%2e/7", "/orders/..;",
	} {
		expectProblem(t, b.get(t, path, token), http.StatusBadRequest, "path_refused")
	}
	for _, path := range []string{"/orders", "/orders/", "/orders/7", "/orders/a%2fb", "/orders/...", "/orders/a..b;c=..", "/orders/.well-known"} {
		if answer := b.get(t, path, token); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

func TestAUserWhoIsTooQuickWaitsAndNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(http.ResponseWriter, *http.Request) {}, func(c *config) { c.Burst, c.Rate = 2, 0.01 })
	one, err := b.clerk.SignUp()
	if err != nil {
		t.Fatal(err)
	}
	quick := bearer(b.token(t, clerksim.TokenSpec{User: one}))
	for range 2 {
		if answer := b.get(t, "/orders", quick); answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
	}
	answer := b.get(t, "/payments", quick)
	expectProblem(t, answer, http.StatusTooManyRequests, "rate_limited")
	if after := answer.Header.Get("Retry-After"); len(after) < 2 {
		t.Errorf("Retry-After is %q, of a bucket that fills in 100 s", after)
	}
	if answer := b.get(t, "/orders", bearer(b.token(t, clerksim.TokenSpec{}))); answer.StatusCode != http.StatusOK {
		t.Errorf("another user is answered %s", answer.Status)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("it never was")
		}
		<-time.After(time.Millisecond)
	}
}
