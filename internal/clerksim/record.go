package clerksim

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// What has no webhook is read from the Backend API only, in the form of its 2026-05-12 version.

// connectionRecord is an enterprise connection by itself; what webhooks embed of it is of the moment when the account was made.
type connectionRecord struct {
	stamp
	of object
}

func (w *World) connectionRecords() []*connectionRecord {
	list := make([]*connectionRecord, len(w.connections))
	for i, o := range w.connections {
		list[i] = &connectionRecord{stamp{id: o.get("id").(string), created: o.get("created_at").(int64), updated: o.get("updated_at").(int64)}, o}
	}
	return list
}

func (c *connectionRecord) data(*World) object {
	of := func(key string) field { return field{key, c.of.get(key)} }
	saml := object{
		of("id"), of("name"), {"idp_entity_id", "https://idp.example/" + c.id}, {"idp_sso_url", "https://idp.example/sso"}, {"idp_metadata_url", nil},
		{"acs_url", "https://clerk.northwind.example/v1/saml/acs/" + c.id}, {"sp_entity_id", "https://clerk.northwind.example/saml/" + c.id},
		{"sp_metadata_url", nil}, of("active"), of("allow_idp_initiated"), of("allow_subdomains"), {"force_authn", false},
	}
	return object{
		{"object", "enterprise_connection"}, of("id"), of("name"), of("provider"), of("logo_public_url"), of("active"), of("domains"),
		{"organization_id", c.of.get("organization_id")}, of("sync_user_attributes"), of("disable_additional_identifications"),
		{"allow_organization_account_linking", false}, {"custom_attributes", []object{}}, {"saml_connection", saml}, {"oauth_config", nil},
		of("created_at"), of("updated_at"),
	}
}

// roleSet says which roles an organization's members may have.
type roleSet struct {
	stamp
	name, key string
	roles     []string // keys; nil: all there are
}

func (s *roleSet) data(w *World) object {
	item := func(r *role) object {
		return object{
			{"object", "role_set_item"}, {"id", r.id}, {"name", r.name}, {"key", r.key}, {"created_at", r.created}, {"updated_at", r.updated},
		}
	}
	items := []object{}
	var fallback, creator object
	for _, r := range w.roles.items {
		if s.roles != nil && !slices.Contains(s.roles, r.key) {
			continue
		}
		items = append(items, item(r))
		switch r.key {
		case "org:member":
			fallback = item(r)
		case "org:admin":
			creator = item(r)
		}
	}
	slices.SortFunc(items, func(a, b object) int { return strings.Compare(a.get("id").(string), b.get("id").(string)) })
	kind := "custom"
	if s.roles == nil {
		kind = "initial"
	}
	return object{
		{"object", "role_set"}, {"id", s.id}, {"name", s.name}, {"key", s.key}, {"description", nil}, {"roles", items}, {"default_role", fallback},
		{"creator_role", creator}, {"type", kind}, {"role_set_migration", nil}, {"created_at", s.created}, {"updated_at", s.updated},
	}
}

// directory provisions users over SCIM.
type directory struct {
	stamp
	name, connection string
	enabled          bool
}

func (d *directory) data(*World) object {
	return object{
		{"object", "scim_directory"}, {"id", d.id}, {"name", d.name}, {"enterprise_connection_id", text(d.connection)},
		{"endpoint_url", "https://clerk.northwind.example/v1/scim/" + d.id}, {"provider", "scim_okta"}, {"enabled", d.enabled},
		{"group_role_mapping_enabled", false}, {"attribute_mapping", object{{"userName", "email_address"}}}, {"custom_attributes", []object{}},
		{"api_key", nil}, {"created_at", d.created}, {"updated_at", d.updated},
	}
}

// newRecords makes what every instance has from the start. Their ids come from the instance's, not from chance, which they leave as it is.
func (w *World) newRecords() {
	made := func(prefix string) stamp {
		sum := sha256.Sum256([]byte(w.cfg.InstanceID + prefix))
		return stamp{id: prefix + hex.EncodeToString(sum[:])[:27], created: w.now - 900_000_000, updated: w.now - 400_000_000}
	}
	w.roleSets = []*roleSet{{stamp: made("rset_"), name: "Default", key: "role_set:default"}}
	w.directories = []*directory{{stamp: made("scimdir_"), name: "Northwind people", connection: w.connections[0].get("id").(string), enabled: true}}
}
