package auth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// Of a verifier a service needs one. It fetches the instance's keys with the first token, and again in the background or for a key that it has never seen.
func ExampleNewVerifier() {
	keys, err := auth.NewKeySet(auth.KeySetConfig{Issuer: "https://clerk.example.com"})
	if err != nil {
		log.Print(err)
		return
	}
	defer keys.Close()
	verifier, err := auth.NewVerifier(auth.Config{
		Issuers:           []*auth.KeySet{keys},
		AuthorizedParties: []string{"https://app.example.com"}, // web clients
		AllowMissingParty: true,                                // iOS, Android and Expo name no origin
	})
	if err != nil {
		log.Print(err)
		return
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /invoices", auth.RequireOrg(http.HandlerFunc(greet)))
	mux.Handle("POST /invoices", auth.RequirePermission("org:invoices:create")(http.HandlerFunc(greet)))
	mux.Handle("DELETE /account", auth.RequireFresh(10*time.Minute, auth.StrongestFactor)(http.HandlerFunc(greet)))

	server := &http.Server{Addr: "127.0.0.1:8080", Handler: auth.Middleware(verifier)(mux), ReadHeaderTimeout: 5 * time.Second}
	log.Print(server.ListenAndServe())
}

func greet(w http.ResponseWriter, r *http.Request) {
	id, _ := auth.From(r.Context())
	fmt.Fprintf(w, "%s of %s, %s, by %s", id.User, id.Org, id.Role, id.Platform)
}

// Whatever client a token is for, the service sees the same identity, and a refusal has a code that a client can rely on.
func ExampleMiddleware() {
	clerk := simulated()
	verifier, err := auth.NewVerifier(auth.Config{
		Issuers:           []*auth.KeySet{clerk.keys},
		AuthorizedParties: []string{clerk.AuthorizedParty()},
		AllowMissingParty: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := auth.Middleware(verifier)(auth.RequireRole("org:admin")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			id, _ := auth.From(r.Context())
			fmt.Fprint(w, id.User == clerk.admin, " ", id.Role)
		})))

	for _, token := range []string{
		clerk.token(clerksim.TokenSpec{User: clerk.admin, Org: clerk.org, Client: clerksim.ClientWeb}),
		clerk.token(clerksim.TokenSpec{User: clerk.admin, Org: clerk.org, Client: clerksim.ClientIOS, Version: 1}),
		clerk.token(clerksim.TokenSpec{User: clerk.admin}), // no active organization
		"eyJ.nonsense.token",
	} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"), firstLine(w))
	}
	// Output:
	// 200 text/plain; charset=utf-8 true org:admin
	// 200 text/plain; charset=utf-8 true org:admin
	// 403 application/problem+json org_required
	// 401 application/problem+json token_malformed
}

// A job that does something for an organization, and for nobody in it, says so by an identity of its own: no token is needed to name somebody.
func ExampleWith() {
	ctx := auth.With(context.Background(), &auth.Identity{Org: "org_acme"})
	id, ok := auth.From(ctx)
	fmt.Println(id.Org, id.User == "", ok)
	// Output: org_acme true true
}
