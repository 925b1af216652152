package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Membership is a row of organization_memberships whose user and organization both live. It is the caller's own but for what Permissions and
// PublicMetadata point to, which others read too: never write to it.
type Membership struct {
	ID, OrganizationID, UserID string
	// Role is a key of roles: org:admin.
	Role, RoleName string
	// Permissions is what the role held when Clerk last told of the membership. It is a copy: see HasPermission.
	Permissions          []string
	PublicMetadata       json.RawMessage
	CreatedAt, UpdatedAt time.Time
}

// Membership is the user's membership of the organization, or ErrNotFound. Who left and came back has a new one; while the end of the old one has not
// arrived it is the newer one.
func (d *Directory) Membership(ctx context.Context, org, user string) (Membership, error) {
	e, err := d.get(ctx, key{what: membershipOf, a: org, b: user})
	if err != nil {
		return Membership{}, err
	}
	if m, ok := e.value.(*Membership); ok {
		return *m, nil
	}
	return Membership{}, missing(membershipOf, org+"/"+user)
}

// Members are the organization's memberships by user id, a page at a time. It is not cached.
func (d *Directory) Members(ctx context.Context, org string, page Page) (members []Membership, next string, err error) {
	return d.direct.Members(ctx, org, page)
}

// MembershipsOf are the user's memberships by organization id, a page at a time. It is not cached.
func (d *Directory) MembershipsOf(ctx context.Context, user string, page Page) (memberships []Membership, next string, err error) {
	return d.direct.MembershipsOf(ctx, user, page)
}

const membershipColumns = `id, organization_id, user_id, role, role_name, permissions, public_metadata, created_at, updated_at`

// keys scans a list of permission keys. What is no list of strings grants nothing.
type keys struct{ into *[]string }

// ScanBytes implements pgtype.BytesScanner.
func (k keys) ScanBytes(raw []byte) error {
	*k.into = nil
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		*k.into = list
	}
	return nil
}

func (m *Membership) columns() []any {
	return []any{
		&m.ID, text{&m.OrganizationID}, text{&m.UserID}, text{&m.Role}, text{&m.RoleName}, keys{&m.Permissions}, &m.PublicMetadata,
		moment{&m.CreatedAt}, moment{&m.UpdatedAt},
	}
}

// Membership is Directory.Membership without the cache.
func (l *Lookups) Membership(ctx context.Context, org, user string) (m Membership, err error) {
	if !plausible(org) || !plausible(user) {
		return m, missing(membershipOf)
	}
	err = l.one(ctx, membershipOf, org+"/"+user, `
select `+membershipColumns+`
from {schema}.organization_memberships
where organization_id = $1 and user_id = $2
order by created_at desc nulls last, id desc
limit 1`, []any{org, user}, m.columns())
	compact(&m.ID, &m.OrganizationID, &m.UserID, &m.Role, &m.RoleName)
	return m, err
}

// Members are the organization's memberships by user id, a page at a time.
func (l *Lookups) Members(ctx context.Context, org string, page Page) (members []Membership, next string, err error) {
	members, err = l.memberships(ctx, `
select distinct on (user_id) `+membershipColumns+`
from {schema}.organization_memberships
where organization_id = $1 and user_id > $2
order by user_id, created_at desc nulls last, id desc
limit $3`, org, page)
	if page.isFull(len(members)) {
		next = members[len(members)-1].UserID
	}
	return members, next, err
}

// MembershipsOf are the user's memberships by organization id, a page at a time.
func (l *Lookups) MembershipsOf(ctx context.Context, user string, page Page) (memberships []Membership, next string, err error) {
	memberships, err = l.memberships(ctx, `
select distinct on (organization_id) `+membershipColumns+`
from {schema}.organization_memberships
where user_id = $1 and organization_id > $2
order by organization_id, created_at desc nulls last, id desc
limit $3`, user, page)
	if page.isFull(len(memberships)) {
		next = memberships[len(memberships)-1].OrganizationID
	}
	return memberships, next, err
}

func (l *Lookups) memberships(ctx context.Context, sql, id string, page Page) ([]Membership, error) {
	if !plausible(id) {
		return nil, nil
	}
	rows, err := l.on.Query(ctx, l.sql(sql), id, page.After, page.limit())
	if err != nil {
		return nil, fmt.Errorf("list memberships of %s: %w", id, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Membership, err error) {
		return m, row.Scan(m.columns()...)
	})
	if err != nil {
		return nil, fmt.Errorf("list memberships of %s: %w", id, err)
	}
	return list, nil
}
