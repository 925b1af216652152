package auth_test

import (
	"encoding/json"
	"net/http/httptest"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// exampleClerk is a simulated instance with one organization and its admin, and its keys, so that examples need no network.
type exampleClerk struct {
	*clerksim.Clerk
	keys       *auth.KeySet
	org, admin string
}

func simulated() exampleClerk {
	c := exampleClerk{Clerk: clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 3, Organizations: 1}})}
	c.keys = must(auth.NewKeySet(auth.KeySetConfig{Issuer: c.Issuer(), JWKS: c.JWKS()}))
	for more := true; more; {
		_, more = c.NextFounding()
	}
	c.admin = must(c.SignUp("ada@birchwood.example"))
	c.org = must(c.CreateOrganization(c.admin, "Birchwood Mills", "birchwood"))
	return c
}

func (c exampleClerk) token(spec clerksim.TokenSpec) string { return must(c.Token(spec)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// firstLine is what an answer says: its code where it is a problem.
func firstLine(w *httptest.ResponseRecorder) string {
	var problem struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(w.Body.Bytes(), &problem) == nil && problem.Code != "" {
		return problem.Code
	}
	return w.Body.String()
}
