package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// PermissionReader tells permissions from the read model, system permissions included, which are in no token. directory implements it.
type PermissionReader interface {
	// HasPermission tells whether the user is a member of org whose role holds the permission. False and no error when any of them is unknown.
	HasPermission(ctx context.Context, org, user, permission string) (bool, error)
}

// Require lets through who is signed in; others are answered 401. Like the rest of these it belongs behind [Middleware].
func Require(next http.Handler) http.Handler {
	return guard(next, func(*http.Request, *Identity) error { return nil })
}

// RequireOrg lets through who has an active organization; others are answered 403 org_required.
func RequireOrg(next http.Handler) http.Handler {
	return guard(next, func(_ *http.Request, id *Identity) error { return checkOrg(id) })
}

// RequireRole lets through who has one of the roles in the active organization, as the token tells: org:admin for one. Others are answered
// 403 role_required, or org_required.
func RequireRole(roles ...string) func(http.Handler) http.Handler {
	return guards(func(_ *http.Request, id *Identity) error {
		if err := checkOrg(id); err != nil {
			return err
		}
		if !slices.ContainsFunc(roles, id.HasRole) {
			return Refuse(CodeRoleRequired, nil)
		}
		return nil
	})
}

// RequirePermission lets through who has a custom permission in the active organization, as the token tells: org:orders:create for one.
// Others are answered 403 permission_required, or org_required. It lets nobody through for a system permission (org:sys_…): no token has those.
func RequirePermission(permission string) func(http.Handler) http.Handler {
	return guards(func(_ *http.Request, id *Identity) error {
		if err := checkOrg(id); err != nil {
			return err
		}
		if !id.HasPermission(permission) {
			return Refuse(CodePermissionRequired, nil)
		}
		return nil
	})
}

// RequirePermissionIn lets through who has a permission, custom or system, in the active organization, as the read model tells now. Others
// are answered 403 permission_required or org_required, and 503 permissions_unavailable when it cannot be told.
func RequirePermissionIn(reader PermissionReader, permission string) func(http.Handler) http.Handler {
	return guards(func(r *http.Request, id *Identity) error {
		if err := checkOrg(id); err != nil {
			return err
		}
		switch has, err := reader.HasPermission(r.Context(), id.Org, id.User, permission); {
		case err != nil:
			return Refuse(CodePermissionsUnavailable, err)
		case !has:
			return Refuse(CodePermissionRequired, nil)
		default:
			return nil
		}
	})
}

// RequireFresh lets through who proved who they are at most maxAge ago, to the minute, with the factors of level. Others are answered 403
// fresh_required, in words that Clerk's useReverification understands: it asks for the proof and repeats the request. A token that does not
// tell is never fresh.
func RequireFresh(maxAge time.Duration, level Level) func(http.Handler) http.Handler {
	return guards(func(_ *http.Request, id *Identity) error {
		if id.Fresh(time.Now(), maxAge, level) {
			return nil
		}
		err := Refuse(CodeFreshRequired, nil)
		err.stepUp = &stepUp{maxAge, level}
		return err
	})
}

// stepUp is what [RequireFresh] asked for.
type stepUp struct {
	maxAge time.Duration
	level  Level
}

func checkOrg(id *Identity) error {
	if id.Org == "" {
		return Refuse(CodeOrgRequired, nil)
	}
	return nil
}

func guards(check func(*http.Request, *Identity) error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return guard(next, check) }
}

func guard(next http.Handler, check func(*http.Request, *Identity) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := From(r.Context())
		if !ok {
			WriteProblem(w, r, Refuse(CodeTokenMissing, nil))
			return
		}
		if err := check(r, id); err != nil {
			WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// causeOf is what a refusal keeps from the caller.
func causeOf(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.cause
	}
	return err
}
