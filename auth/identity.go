package auth

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Identity is who is calling, as a verified token says it. It is read-only once made, and safe for concurrent use. It keeps the decoded
// token (at most [Config].MaxTokenBytes) in memory, for its strings are parts of it.
type Identity struct {
	User    string // user_…
	Session string // sess_…

	// Org is the active organization, org_…; empty without one, as are the next three.
	Org     string
	OrgSlug string
	// Role is the caller's in Org, org:admin for one. Instances older than custom roles say admin and basic_member in tokens of version 1;
	// [Identity.HasRole] knows both forms.
	Role string
	// Permissions are the custom ones of Role in Org, org:<feature>:<action>. Clerk puts system permissions (org:sys_…) into no token; ask
	// a [PermissionReader] for those.
	Permissions []string

	// Features are those of the plans, each with its scope: o:invoices, u:beta. Only tokens of version 2 tell them.
	Features []string
	// Plan is scope and slug: o:pro, u:free. Only tokens of version 2 tell it.
	Plan string

	// Platform is a guess at what the caller runs on. Never authorize by it: the caller chooses it.
	Platform Platform
	// Actor is who impersonates User, or nil.
	Actor *Actor

	// Issuer is Clerk's Frontend API of the instance, exactly as configured.
	Issuer string
	// AuthorizedParty is the origin that asked Clerk for the token (claim azp); empty for native clients.
	AuthorizedParty string

	IssuedAt  time.Time // to the second
	ExpiresAt time.Time // to the second

	Factors Factors
}

// Actor is who is behind an impersonated session (claim act).
type Actor struct {
	Subject string // the user_… of whoever impersonates
	Session string
	Issuer  string // who vouches for the actor, as the token says it
	Type    string // "agent" for an agent's task, else usually empty
}

// Factors are when the caller last proved who they are. Zero means never, no such factor, or not told (claim fva): none of these is fresh.
// The precision is a minute.
type Factors struct {
	First, Second time.Time
}

// Platform is what a client runs on.
type Platform string

// PlatformUnknown and the others are what [Identity.Platform] tells.
const (
	PlatformUnknown Platform = ""
	PlatformWeb     Platform = "web"
	PlatformIOS     Platform = "ios"
	PlatformAndroid Platform = "android"
	PlatformExpo    Platform = "expo"
)

// HasPermission tells whether the token grants a custom permission in the active organization. It is false for every system permission.
func (id *Identity) HasPermission(permission string) bool {
	return id.Org != "" && permission != "" && slices.Contains(id.Permissions, permission)
}

// HasRole tells whether the caller has a role in the active organization. A leading "org:" makes no difference, so that org:admin is
// also the admin of an instance from before custom roles.
func (id *Identity) HasRole(role string) bool {
	role = strings.TrimPrefix(role, rolePrefix)
	return id.Org != "" && role != "" && role == strings.TrimPrefix(id.Role, rolePrefix)
}

const rolePrefix = "org:"

// Level is what [RequireFresh] asks to be recent.
type Level string

// FirstFactor and the others name what must be recent. FirstFactor, SecondFactor and MultiFactor (both) mean what they say: who has no
// second factor never satisfies the last two. StrongestFactor takes the first where the session has no second, which is what Clerk's
// JavaScript calls second_factor (clerk/javascript, packages/shared/src/authorization.ts).
const (
	FirstFactor     Level = "first_factor"
	SecondFactor    Level = "second_factor"
	MultiFactor     Level = "multi_factor"
	StrongestFactor Level = "strongest_factor"
)

// Fresh tells whether the factors of a level were proved at most maxAge before now. A factor that was never proved, or of which the token
// is silent, is not fresh, and neither is any at an unknown level.
func (id *Identity) Fresh(now time.Time, maxAge time.Duration, level Level) bool {
	first, second := recent(id.Factors.First, now, maxAge), recent(id.Factors.Second, now, maxAge)
	switch level {
	case FirstFactor:
		return first
	case SecondFactor:
		return second
	case MultiFactor:
		return first && second
	case StrongestFactor:
		if id.Factors.Second.IsZero() {
			return first
		}
		return second
	default:
		return false
	}
}

func recent(at, now time.Time, maxAge time.Duration) bool {
	return !at.IsZero() && now.Sub(at) <= maxAge
}

type identityKey struct{}

// With returns a context that carries id. Middleware does this; a test or a job that acts for a user may.
func With(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// From returns the identity that With put into the context, and whether there is one.
func From(ctx context.Context) (*Identity, bool) {
	id, _ := ctx.Value(identityKey{}).(*Identity)
	return id, id != nil
}
