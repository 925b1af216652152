package architectures

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// Enterprise: people come by their company's identity provider, and what they may do hangs on the role that they have in the organization.
func TestWhoComesByTheCompanysIdentityProviderIsAUserLikeAnyOther(t *testing.T) {
	t.Parallel()
	b := shared
	clerk := b.Clerk()
	connection := clerk.Connections()[0]
	acme := b.company(t, "Acme")
	if _, err := clerk.AddDomain(acme.id, connection.Domain, "enterprise_sso"); err != nil {
		t.Fatal(err)
	}
	employee, err := clerk.EnterpriseSignUp("grace@" + connection.Domain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clerk.AddMember(acme.id, employee, "org:member"); err != nil {
		t.Fatal(err)
	}
	// Three webhooks, in whatever order they come.
	b.eventually(t, 1, `
select count(*)
from clerk.organization_memberships m join clerk.users u on u.id = m.user_id join clerk.organization_domains d on d.organization_id = m.organization_id
where m.organization_id = $1 and u.id = $2`, acme.id, employee)

	// The local copy knows by which provider, and the organization's verified domain leads to it.
	var provider, domain string
	err = b.superuser(t).QueryRow(t.Context(), `
select u.enterprise_accounts -> 0 ->> 'provider', d.name
from clerk.users u, clerk.organization_domains d
where u.id = $1 and d.organization_id = $2 and d.enrollment_mode = 'enterprise_sso' and d.name = split_part(u.primary_email, '@', 2)`, employee, acme.id).
		Scan(&provider, &domain)
	if err != nil || provider != connection.Provider || domain != connection.Domain {
		t.Errorf("%s came by %q (%v), not by %q", domain, provider, err, connection.Provider)
	}
	if placed := b.as(t, employee, acme.id).places(t, "compiler"); placed.BuyerID != employee || placed.Buyer == nil {
		t.Errorf("the order is %+v", placed)
	}
}

func TestTheRoleDecides(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	member, admin := b.as(t, acme.member, acme.id), b.as(t, acme.admin, acme.id)
	path := "/orders/" + member.places(t, "anvil").ID
	// By a custom permission and by the role, as the token tells them; by a system permission, which the read model knows alone.
	member.refused(t, http.MethodDelete, path, "", http.StatusForbidden, "permission_required")
	member.refused(t, http.MethodDelete, "/orders/cancelled", "", http.StatusForbidden, "role_required")
	admin.expect(t, http.MethodGet, "/orders/members", "", http.StatusOK, nil)
	admin.expect(t, http.MethodDelete, "/orders/cancelled", "", http.StatusOK, nil)
	admin.expect(t, http.MethodDelete, path, "", http.StatusNoContent, nil)

	// Promoted, the member may, with the next token; the old one still says what is no longer so.
	again := "/orders/" + member.places(t, "anvil").ID
	if err := b.Clerk().ChangeRole(acme.id, acme.member, "org:admin"); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.organization_memberships where organization_id = $1 and user_id = $2 and role = 'org:admin'`, acme.id, acme.member)
	promoted := b.newToken(t, clerksim.TokenSpec{User: acme.member, Org: acme.id})
	promoted.expect(t, http.MethodDelete, again, "", http.StatusNoContent, nil)
	promoted.expect(t, http.MethodDelete, "/orders/cancelled", "", http.StatusOK, nil)
}

// A system permission is in no token. A role that loses it loses it here, at once and for tokens that are out.
func TestSystemPermissionsComeFromTheReadModel(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	const role = "org:receptionist"
	if err := b.Clerk().DefineRole(role); err != nil {
		t.Fatal(err)
	}
	receptionist := b.user(t)
	if _, err := b.Clerk().AddMember(acme.id, receptionist, role); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.organization_memberships where organization_id = $1 and user_id = $2`, acme.id, receptionist)
	b.eventually(t, 1, `select count(*) from clerk.roles where key = $1`, role)
	asks := b.as(t, receptionist, acme.id)
	asks.refused(t, http.MethodGet, "/orders/members", "", http.StatusForbidden, "permission_required")
	if err := b.Clerk().DefineRole(role, "org:sys_memberships:read"); err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Members []struct {
			UserID string `json:"user_id"`
			Name   string
			Role   string
		}
	}
	b.until(t, asks, http.MethodGet, "/orders/members", http.StatusOK)
	if err := json.Unmarshal([]byte(asks.do(t, http.MethodGet, "/orders/members", "").Body), &seen); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{}
	for _, m := range seen.Members {
		if roles[m.UserID] = m.Role; m.Name == "" {
			t.Errorf("%s has no name", m.UserID)
		}
	}
	if len(roles) != 3 || roles[acme.admin] != "org:admin" || roles[receptionist] != role {
		t.Errorf("the members are %v", roles)
	}
}
