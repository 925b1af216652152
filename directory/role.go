package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Role is a row of roles with the permissions it holds. It is the caller's own but for Permissions, which others read too: never write to it.
type Role struct {
	ID string
	// Key is what tokens and memberships call the role: org:admin.
	Key, Name, Description string
	IsCreatorEligible      bool
	// Permissions are keys in their order, Clerk's own org:sys_… among them, without permissions that were deleted.
	Permissions          []string
	CreatedAt, UpdatedAt time.Time
}

// Role is the role with the key, or ErrNotFound.
func (d *Directory) Role(ctx context.Context, roleKey string) (Role, error) {
	e, err := d.get(ctx, key{what: roleByKey, a: roleKey})
	if err != nil {
		return Role{}, err
	}
	if r, ok := e.value.(*Role); ok {
		return *r, nil
	}
	return Role{}, missing(roleByKey, roleKey)
}

// Roles are the instance's roles by id, a page at a time. It is not cached.
func (d *Directory) Roles(ctx context.Context, page Page) (roles []Role, next string, err error) {
	return d.direct.Roles(ctx, page)
}

// HasPermission says whether the user's role in the organization holds the permission, by its key: org:invoices:read, or Clerk's own such as
// org:sys_memberships:manage, which no session token tells. The membership says which role, and the roles of the read model what it holds; without a
// membership it is no.
//
// A role that has no row holds nothing: no event of it ever came (it was made before the webhook, and nobody changed it since or filled it in), or it
// was deleted, and the two look alike. It is logged and counted. With Config.TrustMembershipPermissions the permissions that Clerk's last event of
// the membership listed count instead: a copy, out of date once somebody edits or deletes the role.
func (d *Directory) HasPermission(ctx context.Context, org, user, permission string) (bool, error) {
	return d.direct.permits(ctx, org, user, permission, d.Membership, d.Role)
}

// HasPermission is Directory.HasPermission without the cache.
func (l *Lookups) HasPermission(ctx context.Context, org, user, permission string) (bool, error) {
	return l.permits(ctx, org, user, permission, l.Membership, l.Role)
}

func (l *Lookups) permits(ctx context.Context, org, user, permission string,
	membership func(ctx context.Context, org, user string) (Membership, error), role func(ctx context.Context, roleKey string) (Role, error),
) (bool, error) {
	m, err := membership(ctx, org, user)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r, err := role(ctx, m.Role)
	switch {
	case err == nil:
		return slices.Contains(r.Permissions, permission), nil
	case !isNotFound(err):
		return false, err
	}
	l.unknownRole(ctx, m.Role)
	return l.trust && slices.Contains(m.Permissions, permission), nil
}

const roleColumns = `r.id, r.key, r.name, r.description, r.is_creator_eligible,
  (select array_agg(p.permission_key order by p.permission_key) from {schema}.role_permissions p where p.role_id = r.id and p.permission_key is not null),
  r.created_at, r.updated_at`

func (r *Role) columns() []any {
	return []any{
		&r.ID, text{&r.Key}, text{&r.Name}, text{&r.Description}, flag{&r.IsCreatorEligible}, &r.Permissions, moment{&r.CreatedAt}, moment{&r.UpdatedAt},
	}
}

// Role is the role with the key, or ErrNotFound. A key is used again when a role is made anew; while the end of the old one has not arrived it is the
// newer one.
func (l *Lookups) Role(ctx context.Context, roleKey string) (r Role, err error) {
	if !plausible(roleKey) {
		return r, missing(roleByKey)
	}
	err = l.one(ctx, roleByKey, roleKey, `
select `+roleColumns+`
from {schema}.roles r
where r.key = $1
order by r.created_at desc nulls last, r.id desc
limit 1`, []any{roleKey}, r.columns())
	return r, err
}

// Roles are the instance's roles by id, a page at a time.
func (l *Lookups) Roles(ctx context.Context, page Page) (roles []Role, next string, err error) {
	rows, err := l.on.Query(ctx, l.sql(`
select `+roleColumns+`
from {schema}.roles r
where r.id > $1
order by r.id
limit $2`), page.After, page.limit())
	if err == nil {
		roles, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Role, err error) {
			return r, row.Scan(r.columns()...)
		})
	}
	if err != nil {
		return nil, "", fmt.Errorf("list roles: %w", err)
	}
	if page.isFull(len(roles)) {
		next = roles[len(roles)-1].ID
	}
	return roles, next, nil
}
