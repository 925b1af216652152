package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// asJSON compares documents by what they say.
var asJSON = cmp.Transformer("json", func(raw json.RawMessage) (v any) {
	if err := json.Unmarshal(raw, &v); err != nil {
		return string(raw)
	}
	return v
})

// Every lookup tells what the simulator, which knows nothing of us, says is true at the end of a generated history.
func TestLookupsTellTheTruth(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	w := clerksim.NewWorld(clerksim.Config{Seed: 4, Users: 80, Organizations: 16, Changes: 500})
	var end uint64
	for m, ok := w.Next(); ok; m, ok = w.Next() {
		end = b.PublishMessage(t, testkit.Message(b.Event(m.ID, m.Body)))
	}
	b.until(t, end)
	truth := truthOf{w.Truth(), b.open(t, nil).Directory}
	for range 2 { // once from Postgres, once from memory
		truth.users(t)
		truth.identifiers(t)
		truth.organizations(t)
		truth.domains(t)
		truth.memberships(t)
	}
	if n := count(t, truth.Directory); n == 0 {
		t.Error("nothing came from memory")
	}
}

type truthOf struct {
	clerksim.Truth
	*Directory
}

func count(t *testing.T, d *Directory) int {
	t.Helper()
	return d.cache.kept.EstimatedSize()
}

// each goes over the rows of a read model that somebody can foretell.
func (w truthOf) each(t *testing.T, model string, check func(row clerksim.Row)) {
	t.Helper()
	checked := 0
	for id, row := range w.Rows[model] {
		if !w.Ties[model][id] {
			check(row)
			checked++
		}
	}
	if checked == 0 {
		t.Errorf("there are no %s to compare", model)
	}
}

// get is a column, NULL being the zero value.
func get[T any](row clerksim.Row, column string) (v T) {
	v, _ = row[column].(T)
	return v
}

func raw(row clerksim.Row, column string) json.RawMessage {
	text, err := json.Marshal(row[column])
	if err != nil {
		panic(err)
	}
	return text
}

func (w truthOf) users(t *testing.T) {
	t.Helper()
	w.each(t, "users", func(row clerksim.Row) {
		want := User{
			ID: get[string](row, "id"), ExternalID: get[string](row, "external_id"), Username: get[string](row, "username"),
			FirstName: get[string](row, "first_name"), LastName: get[string](row, "last_name"), ImageURL: get[string](row, "image_url"),
			PrimaryEmail: get[string](row, "primary_email"), PrimaryPhone: get[string](row, "primary_phone"),
			PrimaryEmailVerified: get[bool](row, "primary_email_verified"), Banned: get[bool](row, "banned"), Locked: get[bool](row, "locked"),
			Deprovisioned: get[bool](row, "deprovisioned"), PasswordEnabled: get[bool](row, "password_enabled"), TwoFactorEnabled: get[bool](row, "two_factor_enabled"),
			PublicMetadata: raw(row, "public_metadata"), UnsafeMetadata: raw(row, "unsafe_metadata"),
			LastSignInAt: get[time.Time](row, "last_sign_in_at"), LastActiveAt: get[time.Time](row, "last_active_at"),
			CreatedAt: get[time.Time](row, "created_at"), UpdatedAt: get[time.Time](row, "updated_at"),
		}
		have, err := w.User(t.Context(), want.ID)
		if diff := cmp.Diff(want, have, asJSON); err != nil || diff != "" {
			t.Errorf("user %s: %v\n%s", want.ID, err, diff)
		}
		accounts, err := w.UserAccounts(t.Context(), want.ID)
		wanted := UserAccounts{raw(row, "email_addresses"), raw(row, "phone_numbers"), raw(row, "external_accounts"), raw(row, "enterprise_accounts")}
		if diff := cmp.Diff(wanted, accounts, asJSON); err != nil || diff != "" {
			t.Errorf("accounts of user %s: %v\n%s", want.ID, err, diff)
		}
	})
}

func (w truthOf) identifiers(t *testing.T) {
	t.Helper()
	holders := map[string][]string{}
	externals := 0
	for _, row := range w.Rows["user_identifiers"] {
		user, value := get[string](row, "user_id"), get[string](row, "value")
		switch {
		case w.Ties["users"][user]:
			holders[value] = append(holders[value], "tied")
		case row["kind"] == "email":
			holders[value] = append(holders[value], fmt.Sprintf("%s %t", user, row["verified"]))
		case row["kind"] == "external_id":
			externals++
			if u, err := w.UserByExternalID(t.Context(), value); err != nil || u.ID != user {
				t.Errorf("an external id leads to %s, not to %s: %v", u.ID, user, err)
			}
		}
	}
	for address, want := range holders {
		if slices.Contains(want, "tied") {
			continue
		}
		list, err := w.UsersByEmail(t.Context(), strings.ToUpper(address))
		var have []string
		for _, h := range list {
			have = append(have, fmt.Sprintf("%s %t", h.User.ID, h.Verified))
		}
		slices.Sort(want)
		slices.Sort(have)
		if err != nil || !slices.Equal(want, have) {
			t.Errorf("an address leads to %v, not to %v: %v", have, want, err)
		}
	}
	if externals == 0 || len(holders) == 0 {
		t.Errorf("%d external ids and %d addresses are too few", externals, len(holders))
	}
}

func (w truthOf) organizations(t *testing.T) {
	t.Helper()
	w.each(t, "organizations", func(row clerksim.Row) {
		most := get[int64](row, "max_allowed_memberships")
		want := Organization{
			ID: get[string](row, "id"), Name: get[string](row, "name"), Slug: get[string](row, "slug"), ImageURL: get[string](row, "image_url"),
			HasImage: get[bool](row, "has_image"), MaxAllowedMemberships: &most, AdminDeleteEnabled: get[bool](row, "admin_delete_enabled"),
			MissingMemberWithElevatedPermissions: get[bool](row, "missing_member_with_elevated_permissions"), PublicMetadata: raw(row, "public_metadata"),
			CreatedBy: get[string](row, "created_by"), RoleSetKey: get[string](row, "role_set_key"), LastActiveAt: get[time.Time](row, "last_active_at"),
			CreatedAt: get[time.Time](row, "created_at"), UpdatedAt: get[time.Time](row, "updated_at"),
		}
		have, err := w.Organization(t.Context(), want.ID)
		if diff := cmp.Diff(want, have, asJSON); err != nil || diff != "" {
			t.Errorf("organization %s: %v\n%s", want.ID, err, diff)
		}
		if want.Slug == "" {
			return
		}
		if have, err := w.OrganizationBySlug(t.Context(), want.Slug); err != nil || have.ID != want.ID {
			t.Errorf("the slug of %s leads to %s: %v", want.ID, have.ID, err)
		}
	})
}

func (w truthOf) domains(t *testing.T) {
	t.Helper()
	verified := 0
	w.each(t, "organization_domains", func(row clerksim.Row) {
		have, err := w.OrganizationByDomain(t.Context(), get[string](row, "name"))
		want := ""
		for _, column := range []string{"ownership_verification", "affiliation_verification"} {
			if get[map[string]any](row, column)["status"] == "verified" {
				want = get[string](row, "organization_id")
				verified++
			}
		}
		if have.ID != want || (err == nil) != (want != "") {
			t.Errorf("a domain leads to %q, not to %q: %v", have.ID, want, err)
		}
	})
	if verified == 0 {
		t.Error("no domain is verified")
	}
}

func (w truthOf) memberships(t *testing.T) {
	t.Helper()
	roles, allowed := w.roles(t)
	permissions := slices.Collect(func(yield func(string) bool) {
		for _, row := range w.Rows["permissions"] {
			if !yield(get[string](row, "key")) {
				return
			}
		}
	})
	permissions = append(permissions, "org:sys_memberships:manage", "org:nothing:at_all")
	yes := 0
	w.each(t, "organization_memberships", func(row clerksim.Row) {
		want := Membership{
			ID: get[string](row, "id"), OrganizationID: get[string](row, "organization_id"), UserID: get[string](row, "user_id"), Role: get[string](row, "role"),
			RoleName: get[string](row, "role_name"), PublicMetadata: raw(row, "public_metadata"),
			CreatedAt: get[time.Time](row, "created_at"), UpdatedAt: get[time.Time](row, "updated_at"),
		}
		if err := json.Unmarshal(raw(row, "permissions"), &want.Permissions); err != nil {
			t.Fatal(err)
		}
		have, err := w.Membership(t.Context(), want.OrganizationID, want.UserID)
		if diff := cmp.Diff(want, have, asJSON); err != nil || diff != "" {
			t.Errorf("membership %s: %v\n%s", want.ID, err, diff)
		}
		if !roles[want.Role] {
			return
		}
		for _, p := range permissions {
			has, err := w.HasPermission(t.Context(), want.OrganizationID, want.UserID, p)
			if err != nil || has != allowed[want.Role+" "+p] {
				t.Errorf("%s in role %s has %s: %t: %v", want.UserID, want.Role, p, has, err)
			}
			if has {
				yes++
			}
		}
	})
	if yes == 0 {
		t.Error("nobody may do anything")
	}
}

// roles are the keys of roles that somebody can foretell, and what they permit.
func (w truthOf) roles(t *testing.T) (known, allowed map[string]bool) {
	t.Helper()
	known, allowed = map[string]bool{}, map[string]bool{}
	byID := map[string]string{}
	w.each(t, "roles", func(row clerksim.Row) {
		byID[get[string](row, "id")] = get[string](row, "key")
		known[get[string](row, "key")] = true
	})
	for _, row := range w.Rows["role_permissions"] {
		if r := byID[get[string](row, "role_id")]; r != "" {
			allowed[r+" "+get[string](row, "permission_key")] = true
		}
	}
	return known, allowed
}
