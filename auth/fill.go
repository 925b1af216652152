package auth

import (
	"errors"
	"strings"

	"github.com/segmentio/encoding/json"
)

var errTwoOrgs = errors.New("org_id names another organization than o")

// fill takes over what each version says in its own way.
func (c *claims) fill(id *Identity, version int) (ambiguous bool, err error) {
	if version == 1 {
		return false, c.claims1.fill(id)
	}
	// An application may well put {{org.id}} into a claim of that name. Any other value means that somebody is mistaken.
	if c.OrgID != "" && (c.Org == nil || c.OrgID != c.Org.ID) {
		return false, Refuse(CodeOrgMalformed, errTwoOrgs)
	}
	return c.claims2.fill(id)
}

func (c *claims1) fill(id *Identity) error {
	if c.OrgID == "" {
		return nil
	}
	if !isID(c.OrgID, "org_") {
		return Refuse(CodeOrgMalformed, nil)
	}
	id.Org, id.OrgSlug, id.Role, id.Permissions = c.OrgID, c.OrgSlug, c.OrgRole, customOnly(c.OrgPermissions)
	return nil
}

func (c *claims2) fill(id *Identity) (ambiguous bool, err error) {
	id.Plan = c.Plan
	if c.Features != "" {
		id.Features = strings.Split(c.Features, ",")
		for i := range id.Features {
			id.Features[i] = strings.TrimSpace(id.Features[i])
		}
	}
	if c.Org == nil {
		return false, nil
	}
	if !isID(c.Org.ID, "org_") {
		return false, Refuse(CodeOrgMalformed, nil)
	}
	id.Org, id.OrgSlug, id.Role = c.Org.ID, c.Org.Slug, roleOf(c.Org.Role)
	if id.Permissions, ambiguous, err = c.Org.permissions(c.Features); err != nil {
		return false, Refuse(CodePermissionsMalformed, err)
	}
	return ambiguous, nil
}

// roleOf spares the usual roles an allocation.
func roleOf(role string) string {
	switch role {
	case "":
		return "" // not "org:", which would be a role
	case "admin":
		return "org:admin"
	case "member":
		return "org:member"
	default:
		return rolePrefix + role
	}
}

// platform is what the application's own claim says: platform, or platform within metadata. Else an origin means a browser.
func (c *commonClaims) platform() Platform {
	text := c.Platform
	if len(text) == 0 {
		var metadata struct {
			Platform json.RawMessage `json:"platform"`
		}
		if len(c.Metadata) > 0 && unmarshal(c.Metadata, &metadata) == nil {
			text = metadata.Platform
		}
	}
	switch string(text) {
	case `"web"`:
		return PlatformWeb
	case `"ios"`:
		return PlatformIOS
	case `"android"`:
		return PlatformAndroid
	case `"expo"`:
		return PlatformExpo
	}
	if strings.HasPrefix(c.Party, "https://") || strings.HasPrefix(c.Party, "http://") {
		return PlatformWeb
	}
	return PlatformUnknown
}
