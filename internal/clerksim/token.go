package clerksim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Client is the kind of program that asks for a token. All that a token tells of it is azp: browsers have an origin, native programs have none.
type Client string

// The clients that Clerk has SDKs for.
const (
	ClientWeb     Client = "web"
	ClientIOS     Client = "ios"
	ClientAndroid Client = "android"
	ClientExpo    Client = "expo"
)

// AnyOrg, as an organization, is one that the user belongs to.
const AnyOrg = "any"

// TokenLifetime is Clerk's.
const TokenLifetime = time.Minute

// TokenSpec says what a session token shall be. The zero value is a v2 token of a web client for somebody without an active organization.
type TokenSpec struct {
	// User is an id. Default: a member of Org with Role, or anybody who may sign in.
	User string `json:"user,omitempty"`
	// Org is the active organization: an id, AnyOrg, or none.
	Org string `json:"org,omitempty"`
	// Role, where User is not given, is what the member must have in Org, for example org:admin.
	Role string `json:"role,omitempty"`
	// Version of the claims, 1 or 2. Default 2.
	Version int `json:"version,omitempty"`
	// Client decides about azp. Default ClientWeb.
	Client Client `json:"client,omitempty"`
	// Session is an id. Default: a living one of the user; where there is none the user signs in, which is a directed change.
	Session string `json:"session,omitempty"`
	// Actor is the id of the user who impersonates User.
	Actor string `json:"actor,omitempty"`
	// Lifetime is exp - iat. Default one minute.
	Lifetime time.Duration `json:"-"`
	// Factors is fva: minutes since the first and the second factor, -1 for never. Default: what the session and the user say. Empty but not nil: no fva.
	Factors []int `json:"factors,omitempty"`
	// Claims are the instance's own, from session token customisation. They replace those of the same name; nil removes one.
	Claims map[string]any `json:"claims,omitempty"`
}

// Token mints a session token (clerk.com/docs/guides/sessions/session-tokens). It fails with ErrNotFound or ErrRefused where Clerk would not mint one.
func (c *Clerk) Token(spec TokenSpec) (string, error) {
	claims, err := c.Claims(spec)
	if err != nil {
		return "", err
	}
	return c.Sign(nil, claims), nil
}

// Claims are those that Token signs.
func (c *Clerk) Claims(spec TokenSpec) (map[string]any, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	c.lock()
	defer c.mu.Unlock()
	b, err := c.bearer(spec)
	if err != nil {
		return nil, err
	}
	claims := c.sessionClaims(spec, b)
	for name, value := range spec.Claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims, nil
}

func (s TokenSpec) check() error {
	if s.Version < 0 || s.Version > 2 {
		return fmt.Errorf("token version %d is neither 1 nor 2: %w", s.Version, ErrRefused)
	}
	if !slices.Contains([]Client{"", ClientWeb, ClientIOS, ClientAndroid, ClientExpo}, s.Client) {
		return fmt.Errorf("client %q is none of web, ios, android, expo: %w", s.Client, ErrRefused)
	}
	if len(s.Factors) != 0 && len(s.Factors) != 2 {
		return fmt.Errorf("factors are %d numbers, not two: %w", len(s.Factors), ErrRefused)
	}
	return nil
}

func sessionHeader(kid string) map[string]any {
	return map[string]any{"alg": "RS256", "typ": "JWT", "kid": kid, "cat": "cl_B7d4PD111AAA"}
}

// sessionClaims has nothing in it that World's chance decides: who asks for a token must not change what happens next.
func (c *Clerk) sessionClaims(spec TokenSpec, b bearer) map[string]any {
	now := c.cfg.Now()
	lifetime := spec.Lifetime
	if lifetime == 0 {
		lifetime = TokenLifetime
	}
	claims := map[string]any{
		"iss": c.cfg.Issuer, "sub": b.user.id, "sid": b.session.id, "iat": now.Unix(), "nbf": now.Unix() - 10, "exp": now.Add(lifetime).Unix(),
		"sts": b.session.status,
	}
	if spec.Client == "" || spec.Client == ClientWeb {
		claims["azp"] = c.cfg.AuthorizedParty
	}
	switch {
	case spec.Factors == nil:
		claims["fva"] = b.factors(now)
	case len(spec.Factors) == 2:
		claims["fva"] = spec.Factors
	}
	if b.session.actor != nil {
		claims["act"] = b.act()
	}
	if spec.Version == 1 {
		maps.Copy(claims, b.claimsV1(c.world))
	} else {
		maps.Copy(claims, b.claimsV2(c.world))
	}
	return claims
}

// factors are the minutes since the session began, and for the second factor -1 where the user has none.
func (b bearer) factors(now time.Time) []int {
	minutes := max(0, int(now.UnixMilli()-b.session.created)/60_000)
	if b.user.twoFactor {
		return []int{minutes, minutes}
	}
	return []int{minutes, -1}
}

func (b bearer) act() map[string]any {
	act := map[string]any{"iss": "https://dashboard.clerk.example", "sub": b.session.actedBy()}
	if b.impersonator != "" {
		act["sid"] = b.impersonator
	}
	return act
}
