package directory

import (
	"context"
	"strings"
	"time"
)

// EnterpriseConnection is a row of enterprise_connections: the identity provider of a company. It is the caller's own but for Domains, which others
// read too: never write to it.
type EnterpriseConnection struct {
	ID, Name string
	// OrganizationID is empty for a connection that belongs to no organization.
	OrganizationID string
	Active         bool
	// Provider is Clerk's name of it (saml_okta), Protocol saml or oauth.
	Provider, Protocol string
	Domains            []string
	AllowSubdomains    bool
	SyncUserAttributes bool
	// DisableAdditionalIdentifications says that its users may have no other address.
	DisableAdditionalIdentifications bool
	CreatedAt, UpdatedAt             time.Time
}

// EnterpriseConnectionForEmail is the active connection through which the address signs in, by the address's domain, or ErrNotFound. The domain itself
// counts more than one above it that allows subdomains, the nearer one more than the farther. Connections have no webhook: what is polled is as old as
// the last poll.
func (d *Directory) EnterpriseConnectionForEmail(ctx context.Context, address string) (EnterpriseConnection, error) {
	domain := domainOf(address)
	e, err := d.get(ctx, key{what: connectionFor, a: domain})
	if err != nil {
		return EnterpriseConnection{}, err
	}
	if c, ok := e.value.(*EnterpriseConnection); ok {
		return *c, nil
	}
	return EnterpriseConnection{}, missing(connectionFor)
}

// EnterpriseConnectionForEmail is Directory.EnterpriseConnectionForEmail without the cache.
func (l *Lookups) EnterpriseConnectionForEmail(ctx context.Context, address string) (EnterpriseConnection, error) {
	return l.connection(ctx, domainOf(address))
}

// domainOf is what follows the last @, for a quoted local part may hold one, and empty where there is none.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return ""
	}
	return lowerASCII(address[at+1:])
}

func (l *Lookups) connection(ctx context.Context, domain string) (c EnterpriseConnection, err error) {
	if !plausible(domain) {
		return c, missing(connectionFor)
	}
	err = l.one(ctx, connectionFor, "", `
select c.id, c.name, c.organization_id, c.active, c.provider, c.protocol, c.domains, c.allow_subdomains, c.sync_user_attributes,
  c.disable_additional_identifications, c.created_at, c.updated_at
from {schema}.enterprise_connections c,
  lateral (select lower(e #>> '{}' collate "C") as name from jsonb_path_query(c.domains, '$[*]') e) d
where c.active and (d.name = $1 or c.allow_subdomains and d.name <> '' and right($1, length(d.name) + 1) = '.' || d.name)
order by length(d.name) desc, c.created_at nulls last, c.id
limit 1`, []any{domain}, []any{
		&c.ID, text{&c.Name}, text{&c.OrganizationID}, flag{&c.Active}, text{&c.Provider}, text{&c.Protocol}, keys{&c.Domains}, flag{&c.AllowSubdomains},
		flag{&c.SyncUserAttributes}, flag{&c.DisableAdditionalIdentifications}, moment{&c.CreatedAt}, moment{&c.UpdatedAt},
	})
	return c, err
}
