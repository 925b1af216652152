package architectures

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// clients are what the same person holds in hand, and how each of them calls.
var clients = []struct {
	client    clerksim.Client
	userAgent string
	origin    string
}{
	{clerksim.ClientWeb, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "http://localhost:3000"},
	{clerksim.ClientIOS, "Acme/1 CFNetwork/1568.100.1 Darwin/24.0.0", ""},
	{clerksim.ClientAndroid, "okhttp/4.12.0", ""},
	{clerksim.ClientExpo, "Expo/2.31.2 CFNetwork/1568.100.1 Darwin/24.0.0", ""},
}

// Architecture 4: one backend for web and mobile. Whatever the client and the form of its token, it is the same user with the same rows.
func TestWebAndIOSAndAndroidAreTheSameUser(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	placed := map[string]bool{}
	for _, c := range clients {
		for version := 1; version <= 2; version++ {
			from := b.with(b.token(t, clerksim.TokenSpec{User: acme.member, Org: acme.id, Client: c.client, Version: version})).saying("User-Agent", c.userAgent)
			if c.origin != "" {
				from = from.saying("Origin", c.origin)
			}
			order := from.places(t, fmt.Sprintf("%s %d", c.client, version))
			if order.BuyerID != acme.member || order.Buyer == nil || *order.Organization != "Acme" {
				t.Errorf("on %s, version %d, the order is %+v", c.client, version, order)
			}
			placed[order.ID] = true
			// What was placed anywhere is seen here.
			list := from.orders(t)
			if list.Total != len(placed) {
				t.Errorf("%s, version %d, sees %d orders of %d", c.client, version, list.Total, len(placed))
			}
			for _, o := range list.Orders {
				if !placed[o.ID] || o.BuyerID != acme.member {
					t.Errorf("%s, version %d, sees %+v", c.client, version, o)
				}
			}
		}
	}
	if len(placed) != 2*len(clients) {
		t.Errorf("%d orders were placed", len(placed))
	}
}

// A native client's token names no origin. A gateway that serves browsers only says so, and then takes none of them.
func TestAGatewayWithoutNativeClientsServesTheWebAlone(t *testing.T) {
	t.Parallel()
	b := shared
	acme := b.company(t, "Acme")
	webOnly := b.beside(t, "gateway", "ORDERS_URL="+b.orders.url, "CLERK_NATIVE_CLIENTS=false")
	for _, c := range clients {
		from := b.with(b.token(t, clerksim.TokenSpec{User: acme.member, Org: acme.id, Client: c.client})).at(webOnly)
		if c.client == clerksim.ClientWeb {
			from.expect(t, http.MethodGet, "/orders", "", http.StatusOK, nil)
		} else {
			from.refused(t, http.MethodGet, "/orders", "", http.StatusUnauthorized, "party_missing")
		}
	}
}
