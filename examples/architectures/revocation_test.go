package architectures

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// until repeats a request until it is answered with a status.
func (b *bed) until(t *testing.T, c caller, method, path string, status int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if got := c.do(t, method, path, ""); got.Status != status {
			return fmt.Errorf("%s %s is still answered %d %s, not %d", method, path, got.Status, got.Body, status)
		}
		return nil
	})
}

// newToken is one of a later second than any that is out, as iat tells no more.
func (b *bed) newToken(t *testing.T, spec clerksim.TokenSpec) caller {
	t.Helper()
	now := time.Now()
	<-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
	return b.with(b.token(t, spec))
}

// Access ends when its reason does: in the service, where the gateway still lets the caller through; and in a gateway that watches for itself.
func TestARemovedMemberIsOutWhileTheTokenIsStillGood(t *testing.T) {
	t.Parallel()
	b := shared
	watching := b.beside(t, "gateway", "ORDERS_URL="+b.orders.url, "READER_DATABASE_URL="+b.ReaderURL())
	trusting := b.beside(t, "gateway", "ORDERS_URL="+b.beside(t, "orders", "READER_DATABASE_URL="+b.ReaderURL(), "DENYLIST=false"))
	for _, c := range []struct {
		what  string
		end   func(company) error
		codes string
	}{
		{"removed from the organization", func(of company) error { return b.Clerk().RemoveMember(of.id, of.member) }, "membership_removed"},
		{"given another role", func(of company) error { return b.Clerk().ChangeRole(of.id, of.member, "org:admin") }, "role_changed"},
		{"banned", func(of company) error { return b.Clerk().Ban(of.member) }, "user_banned session_ended"}, // Clerk revokes the sessions too
		{"deleted", func(of company) error { return b.Clerk().DeleteUser(of.member) }, "user_deleted"},
		{"left with the organization", func(of company) error { return b.Clerk().DeleteOrganization(of.id) }, "org_deleted"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			acme := b.company(t, "Acme")
			token := b.token(t, clerksim.TokenSpec{User: acme.member, Org: acme.id, Lifetime: 5 * time.Minute})
			member := b.with(token)
			everywhere := []caller{member, member.at(watching), member.at(trusting)}
			for _, from := range everywhere {
				from.expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
			}
			if err := c.end(acme); err != nil {
				t.Fatal(err)
			}
			for _, from := range everywhere[:2] {
				b.until(t, from, http.MethodGet, "/orders", http.StatusUnauthorized)
				if got := from.do(t, http.MethodGet, "/orders", ""); got.code() == "" || !strings.Contains(c.codes, got.code()) {
					t.Errorf("the reason is %s, not %s", got.Body, c.codes)
				}
			}
			// The control: where nobody watches, the same token still opens.
			everywhere[2].expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
		})
	}
}

func TestWhoIsTakenInAgainComesInAgain(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	old := b.as(t, acme.member, acme.id)
	if err := b.Clerk().RemoveMember(acme.id, acme.member); err != nil {
		t.Fatal(err)
	}
	b.until(t, old, http.MethodGet, "/orders", http.StatusUnauthorized)
	if _, err := b.Clerk().AddMember(acme.id, acme.member, "org:member"); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.organization_memberships where organization_id = $1 and user_id = $2`, acme.id, acme.member)
	again := b.newToken(t, clerksim.TokenSpec{User: acme.member, Org: acme.id})
	// In a service's first seconds a refusal is remembered for one. Clerk's clients then fetch a newer token.
	if got := again.do(t, http.MethodGet, "/orders", ""); got.code() == "token_outdated" {
		again = b.newToken(t, clerksim.TokenSpec{User: acme.member, Org: acme.id})
	}
	again.expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
}
