package main

import (
	"net/http"
	"slices"
	"strings"
)

// identityHeaders begin the names that services somewhere take for the caller, or for where the caller is. None of ours does, but the next one may,
// and a proxy behind this one: what a client says about itself ends here. X-User is also X-User-Id and X-Userid.
var identityHeaders = []string{
	"x-user", "x-org", "x-tenant", "x-account", "x-clerk", "x-auth", "x-identity", "x-session", "x-role", "x-permission", "x-scope", "x-email", "x-group",
	"x-principal", "x-subject", "x-actor", "x-impersonate", "x-remote", "remote-", "x-webauth", "x-consumer", "x-credential", "x-pomerium",
	"x-jwt", "x-id-token", "x-access-token", "x-amzn-oidc", "x-goog-iap", "x-goog-authenticated", "x-ms-client-principal", "cf-access",
	"x-ssl", "ssl-client", "x-client-cert", "x-client-verify", "x-client-ip", "x-forwarded", "forwarded", "x-real-ip", "true-client-ip", "x-cluster-client-ip", "cf-connecting-ip",
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

// saysWho is true for a name that begins like one of the list, and for every name with another sign than -: many servers take _, and some anything,
// for -, and would read X_User or X.User as X-User. Nobody needs such names; nginx drops them too.
func saysWho(name string) bool {
	name = strings.ToLower(name)
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
		slices.ContainsFunc(identityHeaders, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
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
