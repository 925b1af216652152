package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Authenticate verifies the token of a request. It makes Verifier an [Authenticator]. Tokens come from
//
//   - Authorization: Bearer <token>;
//   - Sec-WebSocket-Protocol, an entry bearer.<token>. In a browser: new WebSocket(url, ["chat", "bearer." + token]). The server must
//     choose one of the other protocols (here chat) and answer with it: browsers close a connection that answers none of what they
//     offered, and an answer that names the token would write it down once more. Behind [Middleware] the entry is gone;
//   - the cookies __session and __session_<suffix>, unless IgnoreCookies.
//
// The first two are explicit and decide. Cookies alone authorize no request from another origin that changes something or opens a
// WebSocket, except from AuthorizedParties; a server that wants the same for every method wraps itself in [http.CrossOriginProtection].
//
// Tokens that do not agree are refused (token_conflict): two explicit ones, or two cookies, of different users, sessions or
// organizations; a cookie that is good and of another user than the explicit token. Another organization in the cookie is usual, for
// tabs share it. So is a cookie of another user where Clerk's multi-session is on: such an application sets IgnoreCookies. A cookie that
// is not good names nobody and is overlooked beside a good token.
func (v *Verifier) Authenticate(r *http.Request) (*Identity, error) {
	c, err := credentialsOf(r, v.cfg.IgnoreCookies)
	if err != nil {
		return nil, err
	}
	var id *Identity
	switch {
	case len(c.explicit) > 0:
		id, err = v.verifyExplicit(r.Context(), c)
	case len(c.cookies) > 0:
		id, err = v.verifyCookies(r, c.cookies)
	default:
		return nil, Refuse(CodeTokenMissing, nil)
	}
	if err != nil {
		return nil, err
	}
	if id.Platform == PlatformUnknown {
		id.Platform = platformOf(r.UserAgent())
	}
	return id, nil
}

var errDisagree = errors.New("tokens of one request name different callers")

func (v *Verifier) verifyExplicit(ctx context.Context, c credentials) (*Identity, error) {
	id, err := v.Verify(ctx, c.explicit[0])
	if err != nil {
		return nil, err
	}
	for _, token := range c.explicit[1:] {
		other, err := v.Verify(ctx, token)
		if err != nil {
			return nil, err
		}
		if !id.isSameAs(other) {
			return nil, Refuse(CodeTokenConflict, errDisagree)
		}
	}
	for _, token := range c.cookies {
		if token == c.explicit[0] {
			continue
		}
		if other, err := v.Verify(ctx, token); err == nil && (other.User != id.User || other.Issuer != id.Issuer) {
			return nil, Refuse(CodeTokenConflict, errDisagree)
		}
	}
	return id, nil
}

// verifyCookies takes the newest of the good ones. Where none is good the refusal is of one that was at least meant for us, if any.
func (v *Verifier) verifyCookies(r *http.Request, cookies []string) (*Identity, error) {
	if err := v.checkOrigin(r); err != nil {
		return nil, Refuse(CodeCrossOrigin, err)
	}
	var id *Identity
	var refusal error
	for _, token := range cookies {
		other, err := v.Verify(r.Context(), token)
		switch {
		case err != nil:
			if refusal == nil || CodeOf(refusal) == CodeIssuerUnknown || CodeOf(err) == CodeKeysUnavailable {
				refusal = err
			}
		case id == nil:
			id = other
		case !id.isSameAs(other):
			return nil, Refuse(CodeTokenConflict, errDisagree)
		case other.IssuedAt.After(id.IssuedAt):
			id = other
		}
	}
	if id == nil {
		return nil, refusal
	}
	return id, nil
}

func (id *Identity) isSameAs(other *Identity) bool {
	return id.Issuer == other.Issuer && id.User == other.User && id.Session == other.Session && id.Org == other.Org
}

// checkOrigin counts the opening of a WebSocket, which is a GET, among what changes something: no later message on it carries an origin.
func (v *Verifier) checkOrigin(r *http.Request) error {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		post := *r
		post.Method = http.MethodPost
		r = &post
	}
	return v.origins.Check(r)
}

// platformOf guesses from what HTTP clients call themselves by default.
func platformOf(userAgent string) Platform {
	switch {
	case strings.Contains(userAgent, "Expo"):
		return PlatformExpo
	case strings.Contains(userAgent, "okhttp"), strings.Contains(userAgent, "Dalvik"), strings.Contains(userAgent, "ktor"):
		return PlatformAndroid
	case strings.Contains(userAgent, "CFNetwork"):
		return PlatformIOS
	default:
		return PlatformUnknown
	}
}
