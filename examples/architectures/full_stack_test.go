package architectures

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// profile is what a full-stack application knows of who looks at it.
type profile struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// application is the whole of one: public pages, pages for those who are signed in, and plain SQL on the users table. With Next.js in front this is what
// its server side calls, or what stands in its place.
func application(verifier *auth.Verifier, database *pgxpool.Pool) http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`"welcome"`)) })
	pages.Handle("/profile", auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := auth.From(r.Context())
		var p profile
		err := tenant.InTx(r.Context(), database, func(tx pgx.Tx) error {
			return tx.QueryRow(r.Context(), `select concat_ws(' ', first_name, last_name), primary_email from clerk.users where id = $1`, caller.User).Scan(&p.Name, &p.Email)
		})
		if err != nil {
			auth.WriteProblem(w, r, err)
			return
		}
		_ = json.NewEncoder(w).Encode(p)
	})))
	return auth.Middleware(verifier)(pages)
}

// Architecture 1: one application with a session cookie, and users synchronised into its own database.
func TestAFullStackApplicationKnowsItsUsers(t *testing.T) {
	t.Parallel()
	b := shared
	user, err := b.Clerk().SignUp("ada@full-stack.example")
	if err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.users where id = $1`, user)
	app := b.serveApplication(t)
	cookie := caller{app, http.Header{"Cookie": {"theme=dark; __session=" + b.token(t, clerksim.TokenSpec{User: user})}}}

	var seen profile
	cookie.get(t, "/profile", &seen)
	if seen.Email != "ada@full-stack.example" || seen.Name == "" {
		t.Errorf("the application knows %+v", seen)
	}
	// The same cookie at the gateway: there is one way to be signed in.
	cookie.at(b.gateway.url).refused(t, http.MethodGet, "/orders", "", http.StatusForbidden, "org_required")

	stranger := caller{app, http.Header{}}
	stranger.expect(t, http.MethodGet, "/", "", http.StatusOK, nil)
	stranger.refused(t, http.MethodGet, "/profile", "", http.StatusUnauthorized, "token_missing")
	// A page elsewhere can make a browser send the cookie. It changes nothing here by that.
	elsewhere := cookie.saying("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	elsewhere.refused(t, http.MethodPost, "/profile", "", http.StatusForbidden, "cross_origin")
}

// The table follows Clerk: what is changed there is changed here, and who is deleted is gone.
func TestTheUsersTableFollowsClerk(t *testing.T) {
	t.Parallel()
	b := shared
	user := b.user(t)
	b.eventually(t, 1, `select count(*) from clerk.users where id = $1 and not banned`, user)
	if err := b.Clerk().Ban(user); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.users where id = $1 and banned`, user)
	if err := b.Clerk().DeleteUser(user); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 0, `select count(*) from clerk.users where id = $1`, user)
}

func (b *bed) serveApplication(t *testing.T) (url string) {
	t.Helper()
	keys, err := auth.NewKeySet(auth.KeySetConfig{Issuer: b.Clerk().Issuer(), URL: b.SimURL() + "/.well-known/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	verifier, err := auth.NewVerifier(auth.Config{Issuers: []*auth.KeySet{keys}, AuthorizedParties: []string{b.Clerk().AuthorizedParty()}})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), b.TenantURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	server := httptest.NewServer(application(verifier, pool))
	t.Cleanup(server.Close)
	return server.URL
}
