package main

import (
	"net/http"
	"slices"
	"strings"
)

// identityHeaders are names that services somewhere take for the caller. None of ours does, but the next one may, and a proxy behind this one:
// what a client says about itself ends here.
var identityHeaders = []string{
	"x-user", "x-org", "x-organization", "x-tenant", "x-account", "x-clerk", "x-auth", "x-identity", "x-session", "x-role", "x-roles", "x-permission",
	"x-permissions", "x-actor", "x-impersonate", "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username",
	"x-forwarded-access-token", "x-remote-user", "remote-user", "x-authenticated", "x-jwt", "x-id-token", "x-access-token",
	"x-amzn-oidc", "x-goog-iap", "x-goog-authenticated", "x-ms-client-principal", "cf-access",
}

// Clerk's cookies: the session and what refreshes it, under whatever suffix. They are the client's, and the gateway has verified them.
var identityCookies = []string{"__session", "__client", "__clerk", "__refresh"}

// stripIdentity removes everything from a request by which a client could say who it is.
func stripIdentity(h http.Header) {
	for name := range h {
		if saysWho(name) {
			delete(h, name)
		}
	}
	h.Del("Authorization")
	h.Del("Proxy-Authorization")
	stripCookies(h)
}

// saysWho is true for a name of the list and what it is a prefix of: X-User, X-User-Id. Many servers take _ for -.
func saysWho(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return slices.ContainsFunc(identityHeaders, func(prefix string) bool {
		return name == prefix || strings.HasPrefix(name, prefix+"-")
	})
}

func stripCookies(h http.Header) {
	var kept []string
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			isClerks := func(prefix string) bool { return strings.HasPrefix(strings.ToLower(pair), prefix) }
			if pair != "" && !slices.ContainsFunc(identityCookies, isClerks) {
				kept = append(kept, pair)
			}
		}
	}
	h.Del("Cookie")
	if len(kept) > 0 {
		h.Set("Cookie", strings.Join(kept, "; "))
	}
}
