package architectures

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/forward"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// nowhere is an id that no order has.
const nowhere = "00000000-0000-4000-8000-000000000000"

// Architecture 3: organizations are tenants. What is not there and what is somebody else's look the same in every way, to the byte.
func TestATenantCannotReachAnothersOrdersByTheAPI(t *testing.T) {
	t.Parallel()
	b := shared
	acme, globex := b.company(t, "Acme"), b.company(t, "Globex")
	ada, gil := b.as(t, acme.admin, acme.id), b.as(t, globex.admin, globex.id)
	own, theirs := ada.places(t, "anvil"), gil.places(t, "globe")
	before := b.stored(t)

	for _, c := range []struct{ method, body string }{
		{http.MethodGet, ""}, {http.MethodPatch, `{"status": "cancelled"}`}, {http.MethodPatch, `{"assignee_id": "` + acme.admin + `"}`}, {http.MethodDelete, ""},
	} {
		got, missing := ada.do(t, c.method, "/orders/"+theirs.ID, c.body), ada.do(t, c.method, "/orders/"+nowhere, c.body)
		if diff := cmp.Diff(missing, got); got.Status != http.StatusNotFound || diff != "" {
			t.Errorf("%s tells another tenant's order from none: %s", c.method, diff)
		}
	}
	for _, query := range []string{"", "?status=open", "?limit=100", "?status=open'+or+'1'='1", "?organization_id=" + globex.id, "?org_id=" + globex.id} {
		var list orderList
		ada.get(t, "/orders"+query, &list)
		if strings.Contains(query, "'") {
			if list.Total != 0 {
				t.Errorf("%s finds %d", query, list.Total)
			}
			continue
		}
		if list.Total != 1 || len(list.Orders) != 1 || list.Orders[0].ID != own.ID {
			t.Errorf("%q lists %+v", query, list)
		}
	}
	ada.refused(t, http.MethodPost, "/orders", `{"item": "x", "quantity": 1, "organization_id": "`+globex.id+`"}`, http.StatusBadRequest, "request_malformed")
	// Whether somebody exists elsewhere cannot be asked by assigning to them.
	assign := func(user string) answer {
		return ada.do(t, http.MethodPatch, "/orders/"+own.ID, `{"assignee_id": "`+user+`"}`)
	}
	if got := assign(globex.member); got.code() != "assignee_not_a_member" || !cmp.Equal(got, assign("user_nobody")) {
		t.Errorf("assigning to another tenant's member is answered %+v", got)
	}
	var members struct {
		Members []struct {
			UserID string `json:"user_id"`
		}
	}
	for _, query := range []string{"", "?after="} {
		ada.get(t, "/orders/members"+query, &members)
		for _, m := range members.Members {
			if m.UserID != acme.admin && m.UserID != acme.member {
				t.Errorf("%s is listed", m.UserID)
			}
		}
	}
	ada.expect(t, http.MethodDelete, "/orders/cancelled", "", http.StatusOK, nil)

	if diff := cmp.Diff(before[globex.id], b.stored(t)[globex.id]); diff != "" || len(before[globex.id]) != 1 {
		t.Errorf("the other tenant's rows: %s", diff)
	}
	var seen order
	gil.get(t, "/orders/"+theirs.ID, &seen) // the control: it was there to be reached
}

func TestATenantCannotBecomeAnotherByWhatARequestSays(t *testing.T) {
	t.Parallel()
	b := shared
	acme, globex := b.company(t, "Acme"), b.company(t, "Globex")
	ada, gil := b.as(t, acme.admin, acme.id), b.as(t, globex.admin, globex.id)
	theirs := gil.places(t, "globe")
	path := "/orders/" + theirs.ID
	gil.expect(t, http.MethodGet, path, "", http.StatusOK, nil)

	// Headers that some service somewhere believes, at the gateway and around it.
	for _, name := range []string{"X-Org-Id", "X-Organization-Id", "X-Tenant-Id", "X-Clerk-Org-Id", "X_Org_Id", "X-User-Id", "X-Forwarded-User", "X-Forwarded-Host"} {
		ada.saying(name, globex.id).refused(t, http.MethodGet, path, "", http.StatusNotFound, "order_not_found")
		caller{b.orders.url, http.Header{}}.saying(name, globex.id).refused(t, http.MethodGet, path, "", http.StatusUnauthorized, "token_missing")
	}
	// A second token beside the good one names somebody, or is refused: it is never added to the first.
	gils := b.token(t, clerksim.TokenSpec{User: globex.admin, Org: globex.id})
	ada.saying("Cookie", "__session="+gils).refused(t, http.MethodGet, path, "", http.StatusBadRequest, "token_conflict")
	for name, token := range b.forgedTokens(t, globex) {
		direct := b.with(token).at(b.orders.url)
		if got := direct.do(t, http.MethodGet, path, ""); got.Status != http.StatusUnauthorized {
			t.Errorf("an identity token that is %s is answered %d %s", name, got.Status, got.Body)
		}
		if got := b.with(token).do(t, http.MethodGet, path, ""); got.Status != http.StatusUnauthorized {
			t.Errorf("at the gateway an identity token that is %s is answered %d %s", name, got.Status, got.Body)
		}
	}
}

// forgedTokens are identity tokens that say the caller is the admin of a company, none of them the gateway's for orders.
func (b *bed) forgedTokens(t *testing.T, of company) map[string]string {
	t.Helper()
	id := &auth.Identity{
		User: of.admin, Session: "sess_1", Org: of.id, Role: "org:admin", Issuer: b.Clerk().Issuer(), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute),
	}
	sign := func(key ed25519.PrivateKey, audience string, age time.Duration) string {
		now := time.Now().Add(-age)
		s, err := forward.NewSigner(forward.SignerConfig{Key: key, Issuer: b.gateway.url, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Sign(id, audience)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(b.key, "orders", 0)
	// The control: with the gateway's key, for this service and in time, it is one.
	b.with(good).at(b.orders.url).expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
	parts := strings.Split(good, ".")
	return map[string]string{
		"signed by somebody else": sign(stranger, "orders", 0),
		"for another service":     sign(b.key, "payments", 0),
		"of a minute ago":         sign(b.key, "orders", time.Minute),
		"without signature":       base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"`+forward.Type+`"}`)) + "." + parts[1] + ".",
		"changed": parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+b.gateway.url+`","aud":"orders","sub":"`+of.admin+`"}`)) +
			"." + parts[2],
	}
}

// stored is every order as it lies in the table, by organization.
func (b *bed) stored(t *testing.T) map[string][]string {
	t.Helper()
	rows, err := b.superuser(t).Query(t.Context(), `select organization_id, o::text from orders.orders o order by id`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	var org, row string
	if _, err := pgx.ForEachRow(rows, []any{&org, &row}, func() error {
		found[org] = append(found[org], row)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}
