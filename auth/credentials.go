package auth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Where Clerk's SDK for browsers keeps the token. The suffix, of which there is one for each instance, tells applications on one domain
// apart (clerk/javascript, packages/shared/src/keys.ts).
const (
	sessionCookie         = "__session"
	suffixedSessionCookie = "__session_"
)

// bearerProtocol begins the entry that a browser, which can set no header of a WebSocket, puts among the protocols that it offers.
const bearerProtocol = "bearer."

// maxTokens bounds the signatures that one request may make us check, per source.
const maxTokens = 4

var errManyTokens = errors.New("too many different tokens")

// credentials are the tokens of a request, each once. Explicit ones somebody put there for this very request, cookies come by themselves.
type credentials struct {
	explicit, cookies []string
}

func credentialsOf(r *http.Request, ignoreCookies bool) (credentials, error) {
	var c credentials
	for _, value := range r.Header["Authorization"] {
		if token, ok := bearer(value); ok {
			c.explicit = appendNew(c.explicit, token)
		}
	}
	for protocol := range protocols(r.Header) {
		if token, ok := strings.CutPrefix(protocol, bearerProtocol); ok {
			c.explicit = appendNew(c.explicit, token)
		}
	}
	if !ignoreCookies {
		for _, cookie := range r.Cookies() {
			if (cookie.Name == sessionCookie || strings.HasPrefix(cookie.Name, suffixedSessionCookie)) && cookie.Value != "" {
				c.cookies = appendNew(c.cookies, cookie.Value)
			}
		}
	}
	if len(c.explicit) > maxTokens || len(c.cookies) > maxTokens {
		return credentials{}, Refuse(CodeTokenConflict, errManyTokens)
	}
	return c, nil
}

// appendNew keeps one more than is allowed.
func appendNew(list []string, token string) []string {
	if len(list) > maxTokens || slices.Contains(list, token) {
		return list
	}
	return append(list, token)
}

// bearer reads the value of an Authorization header (RFC 6750, 2.1). Another scheme is none of our business.
func bearer(value string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
	return strings.TrimLeft(token, " "), strings.EqualFold(scheme, "Bearer")
}

// protocols are what a WebSocket's client offers (RFC 6455, 11.3.4).
func protocols(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range h["Sec-Websocket-Protocol"] {
			for protocol := range strings.SplitSeq(line, ",") {
				if !yield(strings.TrimSpace(protocol)) {
					return
				}
			}
		}
	}
}

// withoutBearerProtocol returns the request, or a copy of it whose offered protocols hold no token, so that nothing behind can choose the
// token as the protocol and answer with it.
func withoutBearerProtocol(r *http.Request) *http.Request {
	var offered []string
	found := false
	for protocol := range protocols(r.Header) {
		if strings.HasPrefix(protocol, bearerProtocol) {
			found = true
		} else {
			offered = append(offered, protocol)
		}
	}
	if !found {
		return r
	}
	clean := *r
	clean.Header = r.Header.Clone()
	clean.Header.Del("Sec-Websocket-Protocol")
	if len(offered) > 0 {
		clean.Header.Set("Sec-Websocket-Protocol", strings.Join(offered, ", "))
	}
	return &clean
}
