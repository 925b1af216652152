package forward

import (
	"time"

	"github.com/clerkstream/clerkstream/auth"
)

// Type is the header typ of an identity token (RFC 8725, 3.11: explicit typing).
const Type = "clerkstream-identity+jwt"

// MaxLifetime is the longest that an identity token may live: long enough for clocks that differ and for a queue in between, too short to be
// worth stealing.
const MaxLifetime = time.Minute

// CodeAudienceRefused is the refusal of a token that was made for another service.
const CodeAudienceRefused auth.Code = "audience_refused"

// claims is the payload. Times are seconds since the epoch (RFC 7519, 2: NumericDate).
type claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Caller   caller `json:"caller"`
}

// caller is an auth.Identity on the wire; Subject has the user.
type caller struct {
	Session         string        `json:"sid"`
	Org             string        `json:"org_id,omitempty"`
	OrgSlug         string        `json:"org_slug,omitempty"`
	Role            string        `json:"org_role,omitempty"`
	Permissions     []string      `json:"org_permissions,omitempty"`
	Features        []string      `json:"fea,omitempty"`
	Plan            string        `json:"pla,omitempty"`
	Platform        auth.Platform `json:"platform,omitempty"`
	Actor           *actor        `json:"act,omitempty"`
	Issuer          string        `json:"iss"`
	AuthorizedParty string        `json:"azp,omitempty"`
	IssuedAt        int64         `json:"iat"`
	Expires         int64         `json:"exp"`
	FirstFactor     int64         `json:"first_factor_at,omitempty"`
	SecondFactor    int64         `json:"second_factor_at,omitempty"`
}

type actor struct {
	Subject string `json:"sub"`
	Session string `json:"sid,omitempty"`
	Issuer  string `json:"iss,omitempty"`
	Type    string `json:"type,omitempty"`
}

func callerOf(id *auth.Identity) caller {
	c := caller{
		Session: id.Session, Org: id.Org, OrgSlug: id.OrgSlug, Role: id.Role, Permissions: id.Permissions, Features: id.Features, Plan: id.Plan,
		Platform: id.Platform, Issuer: id.Issuer, AuthorizedParty: id.AuthorizedParty, IssuedAt: id.IssuedAt.Unix(), Expires: id.ExpiresAt.Unix(),
		FirstFactor: seconds(id.Factors.First), SecondFactor: seconds(id.Factors.Second),
	}
	if id.Actor != nil {
		c.Actor = &actor{id.Actor.Subject, id.Actor.Session, id.Actor.Issuer, id.Actor.Type}
	}
	return c
}

func (c *claims) identity() *auth.Identity {
	from := &c.Caller
	id := &auth.Identity{
		User: c.Subject, Session: from.Session, Org: from.Org, OrgSlug: from.OrgSlug, Role: from.Role, Permissions: from.Permissions,
		Features: from.Features, Plan: from.Plan, Platform: from.Platform, Issuer: from.Issuer, AuthorizedParty: from.AuthorizedParty,
		IssuedAt: time.Unix(from.IssuedAt, 0), ExpiresAt: time.Unix(from.Expires, 0),
		Factors: auth.Factors{First: moment(from.FirstFactor), Second: moment(from.SecondFactor)},
	}
	if a := from.Actor; a != nil {
		id.Actor = &auth.Actor{Subject: a.Subject, Session: a.Session, Issuer: a.Issuer, Type: a.Type}
	}
	return id
}

// A factor that was never proved has no time, on the wire as in the Identity: the year 1 would be one.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
