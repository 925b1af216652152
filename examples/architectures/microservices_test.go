package architectures

import (
	"net/http"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// Architecture 2: an API gateway verifies, services behind it trust the gateway, and read the people from a copy of their own.
func TestATokenBecomesARowByWayOfGatewayAndService(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	placed := b.as(t, acme.member, acme.id).places(t, "anvil")

	var org, buyer, item string
	const stored = `select organization_id, buyer_id, item from orders.orders where id = $1`
	if err := b.superuser(t).QueryRow(t.Context(), stored, placed.ID).Scan(&org, &buyer, &item); err != nil {
		t.Fatal(err)
	}
	if org != acme.id || buyer != acme.member || item != "anvil" {
		t.Errorf("the row is %s's in %s: %s", buyer, org, item)
	}

	// The names come from the read model beside the orders: nobody asked Clerk.
	var name string
	if err := b.superuser(t).QueryRow(t.Context(), `select concat_ws(' ', first_name, last_name) from clerk.users where id = $1`, acme.member).Scan(&name); err != nil {
		t.Fatal(err)
	}
	list := b.as(t, acme.admin, acme.id).orders(t)
	if list.Total != 1 || len(list.Orders) != 1 || list.Orders[0].Buyer == nil || *list.Orders[0].Buyer != name || *list.Orders[0].Organization != "Acme" {
		t.Errorf("the admin sees %+v, of %s at Acme", list, name)
	}
}

func TestAnOrderLivesAndDies(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	member, admin := b.as(t, acme.member, acme.id), b.as(t, acme.admin, acme.id)
	path := "/orders/" + member.places(t, "anvil").ID
	var changed order
	member.expect(t, http.MethodPatch, path, `{"status": "paid", "quantity": 3, "assignee_id": "`+acme.admin+`"}`, http.StatusOK, &changed)
	if changed.Status != "paid" || changed.Quantity != 3 || changed.AssigneeID == nil || *changed.AssigneeID != acme.admin || changed.Assignee == nil {
		t.Errorf("changed to %+v", changed)
	}
	for body, want := range map[string]string{
		`{"status": "lost"}`: "order_invalid", `{"quantity": 0}`: "order_invalid", `{"quantity": 1000000000}`: "order_invalid", `{"assignee_id": "user_nobody"}`: "assignee_not_a_member",
	} {
		member.refused(t, http.MethodPatch, path, body, http.StatusUnprocessableEntity, want)
	}
	for _, body := range []string{``, `{`, `{"item": 7}`, `{"organization_id": "org_x"}`} {
		member.refused(t, http.MethodPatch, path, body, http.StatusBadRequest, "request_malformed")
	}
	member.refused(t, http.MethodPost, "/orders", `{"item": "\u0000", "quantity": 1}`, http.StatusUnprocessableEntity, "order_invalid")
	admin.expect(t, http.MethodDelete, path, "", http.StatusNoContent, nil)
	admin.refused(t, http.MethodDelete, path, "", http.StatusNotFound, "order_not_found")
	admin.refused(t, http.MethodGet, "/orders/anvil", "", http.StatusNotFound, "order_not_found")
}

// Each link believes the one before it and nothing else.
func TestNobodyGetsPastTheGatewayOrAroundIt(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	good := b.token(t, clerksim.TokenSpec{User: acme.admin, Org: acme.id})
	nobody := caller{b.gateway.url, http.Header{}}
	nobody.refused(t, http.MethodGet, "/orders", "", http.StatusUnauthorized, "token_missing")
	b.with(b.token(t, clerksim.TokenSpec{User: acme.admin})).refused(t, http.MethodGet, "/orders", "", http.StatusForbidden, "org_required")

	// Who stands beside the gateway: the service knows no Clerk token, no header and no cookie.
	nobody.at(b.orders.url).refused(t, http.MethodGet, "/orders", "", http.StatusUnauthorized, "token_missing")
	b.with(good).at(b.orders.url).refused(t, http.MethodGet, "/orders", "", http.StatusUnauthorized, "algorithm_refused")
	spoofed := nobody.at(b.orders.url).saying("X-User-Id", acme.admin, "X-Org-Id", acme.id, "X-Forwarded-User", acme.admin, "Cookie", "__session="+good)
	spoofed.refused(t, http.MethodGet, "/orders", "", http.StatusUnauthorized, "token_missing")

	refused := 0
	for _, wrong := range clerksim.WrongTokens() {
		token := wrong.Mint(b.Clerk())
		// Some are wrong only where no native clients are served, and HTTP cannot carry them all.
		if wrong.Strict || token != strings.TrimSpace(token) || strings.ContainsAny(token, "\r\n\x00") {
			continue
		}
		refused++
		if got := b.with(token).do(t, http.MethodGet, "/orders", ""); got.Status/100 != 4 {
			t.Errorf("%s (%s) is answered %d", wrong.Name, wrong.Why, got.Status)
		}
	}
	if refused < 60 {
		t.Errorf("only %d wrong tokens were tried", refused)
	}
	b.with(good).expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
}

// It is no fault of the caller, and says so.
func TestAServiceThatIsAwayIsSaidToBe(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	lonely := b.beside(t, "gateway", "ORDERS_URL=http://"+freeAddress())
	b.as(t, acme.admin, acme.id).at(lonely).refused(t, http.MethodGet, "/orders", "", http.StatusBadGateway, "service_unreachable")
}
