// Package auth says who is calling: it verifies Clerk's session tokens without a network call per request and puts the caller's
// [Identity] into the request's context.
//
//	keys, err := auth.NewKeySet(auth.KeySetConfig{Issuer: "https://clerk.example.com"})
//	verifier, err := auth.NewVerifier(auth.Config{Issuers: []*auth.KeySet{keys}, AuthorizedParties: []string{"https://app.example.com"}})
//	mux.Handle("POST /orders", auth.RequirePermission("org:orders:create")(create))
//	handler := auth.Middleware(verifier)(mux)
//
// A token is an assertion of at most a minute ago (Clerk's lifetime of a session token). What happened since, such as a ban or the end of
// a membership, is told by a [Revocations], which auth/denylist implements from the read model.
//
// Clerk signs JWT templates, machine tokens and OAuth access tokens with the same key as session tokens. Only session tokens are accepted:
// the rest is refused by what it is, each with a [Code] of its own.
package auth
