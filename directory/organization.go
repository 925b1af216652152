package directory

import (
	"context"
	"encoding/json"
	"time"
)

// Organization is a row of organizations: a tenant. A NULL is the zero value. It is the caller's own but for the bytes of PublicMetadata, which others
// read too: never write to them. Clerk's counts of members and invitations are left out, for they move without an event.
type Organization struct {
	ID, Name, Slug, ImageURL string
	HasImage                 bool
	// MaxAllowedMemberships is nil where Clerk did not say.
	MaxAllowedMemberships                *int64
	AdminDeleteEnabled                   bool
	MissingMemberWithElevatedPermissions bool
	PublicMetadata                       json.RawMessage
	// CreatedBy is a user's id.
	CreatedBy, RoleSetKey string
	LastActiveAt          time.Time
	CreatedAt, UpdatedAt  time.Time
}

func (o *Organization) bytes() int {
	return len(o.ID) + len(o.Name) + len(o.Slug) + len(o.ImageURL) + len(o.CreatedBy) + len(o.RoleSetKey) + len(o.PublicMetadata)
}

// Organization is the organization with Clerk's id, or ErrNotFound.
func (d *Directory) Organization(ctx context.Context, id string) (Organization, error) {
	e, err := d.get(ctx, key{what: organizationByID, a: id})
	if err != nil {
		return Organization{}, err
	}
	if o, ok := e.value.(*Organization); ok {
		return *o, nil
	}
	return Organization{}, missing(organizationByID, id)
}

// OrganizationBySlug is the organization with the slug, or ErrNotFound. While a slug moves between two and only half of it has arrived, it is the one
// that changed last.
func (d *Directory) OrganizationBySlug(ctx context.Context, slug string) (Organization, error) {
	return d.organizationBy(ctx, key{what: organizationBySlug, a: slug})
}

// OrganizationByDomain is the organization that has verified the domain (or an address in it: Clerk's ownership and affiliation verification), or
// ErrNotFound. A domain that is only claimed leads nowhere. Should several have verified it, ownership counts more, then the older claim. Subdomains are
// domains of their own.
func (d *Directory) OrganizationByDomain(ctx context.Context, domain string) (Organization, error) {
	return d.organizationBy(ctx, key{what: organizationByDomain, a: lowerASCII(domain)})
}

func (d *Directory) organizationBy(ctx context.Context, k key) (Organization, error) {
	e, err := d.get(ctx, k)
	if err != nil {
		return Organization{}, err
	}
	if t, ok := e.value.(*tenant); ok {
		return t.organization, nil
	}
	return Organization{}, missing(k.what)
}

const organizationColumns = `o.id, o.name, o.slug, o.image_url, o.has_image, o.max_allowed_memberships, o.admin_delete_enabled,
  o.missing_member_with_elevated_permissions, o.public_metadata, o.created_by, o.role_set_key, o.last_active_at, o.created_at, o.updated_at`

func (o *Organization) columns() []any {
	return []any{
		&o.ID, text{&o.Name}, text{&o.Slug}, text{&o.ImageURL}, flag{&o.HasImage}, &o.MaxAllowedMemberships, flag{&o.AdminDeleteEnabled},
		flag{&o.MissingMemberWithElevatedPermissions}, &o.PublicMetadata, text{&o.CreatedBy}, text{&o.RoleSetKey},
		moment{&o.LastActiveAt}, moment{&o.CreatedAt}, moment{&o.UpdatedAt},
	}
}

func (o *Organization) compact() {
	compact(&o.ID, &o.Name, &o.Slug, &o.ImageURL, &o.CreatedBy, &o.RoleSetKey)
}

// Organization is the organization with Clerk's id, or ErrNotFound.
func (l *Lookups) Organization(ctx context.Context, id string) (o Organization, err error) {
	if !plausible(id) {
		return o, missing(organizationByID)
	}
	err = l.one(ctx, organizationByID, id, `select `+organizationColumns+` from {schema}.organizations o where o.id = $1`, []any{id}, o.columns())
	o.compact()
	return o, err
}

// OrganizationBySlug is Directory.OrganizationBySlug without the cache.
func (l *Lookups) OrganizationBySlug(ctx context.Context, slug string) (Organization, error) {
	t, err := l.bySlug(ctx, slug)
	return t.organization, err
}

// OrganizationByDomain is Directory.OrganizationByDomain without the cache.
func (l *Lookups) OrganizationByDomain(ctx context.Context, domain string) (Organization, error) {
	t, err := l.byDomain(ctx, lowerASCII(domain))
	return t.organization, err
}

// tenant is an organization, and the id of the domain by which it was found, if it was.
type tenant struct {
	organization Organization
	domain       string
}

func (l *Lookups) bySlug(ctx context.Context, slug string) (t tenant, err error) {
	if !plausible(slug) {
		return t, missing(organizationBySlug)
	}
	err = l.one(ctx, organizationBySlug, "", `
select `+organizationColumns+`
from {schema}.organizations o
where o.slug = $1
order by o.updated_at desc nulls last, o.id
limit 1`, []any{slug}, t.organization.columns())
	t.organization.compact()
	return t, err
}

func (l *Lookups) byDomain(ctx context.Context, domain string) (t tenant, err error) {
	if !plausible(domain) {
		return t, missing(organizationByDomain)
	}
	err = l.one(ctx, organizationByDomain, "", `
select `+organizationColumns+`, d.id
from {schema}.organization_domains d join {schema}.organizations o on o.id = d.organization_id
where d.name = $1 and 'verified' in (d.ownership_verification ->> 'status', d.affiliation_verification ->> 'status')
order by (d.ownership_verification ->> 'status' = 'verified') is true desc, d.created_at nulls last, d.id
limit 1`, []any{domain}, append(t.organization.columns(), &t.domain))
	t.organization.compact()
	return t, err
}
