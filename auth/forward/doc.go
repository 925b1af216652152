// Package forward lets services trust their gateway instead of their network. The gateway verifies the caller's Clerk token once and sends each
// request on with an identity token of its own: signed by the gateway's key, for one service alone, and good for seconds.
//
//	signer, err := forward.NewSigner(forward.SignerConfig{Key: key, Issuer: "https://gateway.example.com"})       // in the gateway
//	mux.Handle("GET /.well-known/jwks.json", signer.JWKS())
//	token, err := signer.Sign(identity, "orders")
//
//	keys, err := auth.NewKeySet(forward.KeySetConfig("https://gateway.example.com"))                             // in the service
//	verifier, err := forward.NewVerifier(forward.VerifierConfig{Keys: keys, Audience: "orders"})
//	handler := auth.Middleware(verifier)(mux)
//
// The token carries the caller's [auth.Identity] whole, with the times of the Clerk token that it was made from. So a Revocations, row level
// security and every Require… of package auth work behind the gateway as they do in it.
//
// A Clerk token does not pass here, and an identity token does not pass where Clerk's are expected: typ, algorithm and keys differ. A token for
// one service does not pass at another, so a service that is broken into cannot speak for its callers elsewhere.
package forward
