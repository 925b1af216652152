package forward_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/forward"
)

// The gateway signs for one service; that service knows the caller, and another refuses the token.
func Example() {
	// The gateway: a key of its own, whose public half it shows.
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	gateway := httptest.NewServer(mux)
	defer gateway.Close()
	signer, err := forward.NewSigner(forward.SignerConfig{Key: key, Issuer: gateway.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux.Handle("GET /.well-known/jwks.json", signer.JWKS())

	// What auth.Middleware found in the caller's Clerk token.
	caller := &auth.Identity{
		User: "user_ada", Session: "sess_1", Org: "org_acme", Role: "org:admin", Issuer: "https://clerk.example.com",
		IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute),
	}
	token, err := signer.Sign(caller, "orders")
	if err != nil {
		fmt.Println(err)
		return
	}

	// The services behind it.
	for _, service := range []string{"orders", "invoices"} {
		id, err := verify(gateway.URL, service, token)
		if err != nil {
			fmt.Println(service, auth.CodeOf(err))
			continue
		}
		fmt.Println(service, id.User, id.Org, id.Role)
	}
	// Output:
	// orders user_ada org_acme org:admin
	// invoices audience_refused
}

// verify is what a service does, once at its start and then for each request.
func verify(gatewayURL, service, token string) (*auth.Identity, error) {
	keys, err := auth.NewKeySet(forward.KeySetConfig(gatewayURL))
	if err != nil {
		return nil, err
	}
	defer keys.Close()
	verifier, err := forward.NewVerifier(forward.VerifierConfig{Keys: keys, Audience: service})
	if err != nil {
		return nil, err
	}
	return verifier.Verify(context.Background(), token) // auth.Middleware(verifier) does this for a whole API
}
