package events_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/events"
)

// spelling is an object as the Backend API spells it, and the payload that it must give.
type spelling struct {
	typ, data string
	want      any
	read      func(*events.Event) (any, error)
}

func spelt[T any](typ, data string, want T) spelling {
	return spelling{typ, data, want, func(e *events.Event) (any, error) { return events.Payload[T](e) }}
}

func spellings() []spelling {
	saml := events.EnterpriseConnection{ID: "ent_1", Protocol: "saml", AllowSubdomains: true}
	saml.SAMLConnection.ID, saml.SAMLConnection.AllowSubdomains = "samlc_1", true
	oauth := events.EnterpriseConnection{ID: "ent_1", Protocol: "oauth"}
	oauth.OAuthConfig.ID = "oauthc_1"
	said := events.EnterpriseConnection{ID: "ent_1", Protocol: "oidc", AllowSubdomains: true}
	said.SAMLConnection.ID = "samlc_1"
	return []spelling{
		spelt("subscriptionItem", `{"id":"item_1","plan_period":"annual"}`, events.SubscriptionItem{ID: "item_1", Interval: "annual", PlanPeriod: "annual"}),
		spelt("subscriptionItem", `{"id":"item_1","interval":"month","plan_period":"annual"}`, events.SubscriptionItem{ID: "item_1", Interval: "month", PlanPeriod: "annual"}),
		spelt("enterpriseConnection", `{"id":"ent_1","saml_connection":{"id":"samlc_1","allow_subdomains":true},"oauth_config":null}`, saml),
		spelt("enterpriseConnection", `{"id":"ent_1","saml_connection":null,"oauth_config":{"id":"oauthc_1"}}`, oauth),
		spelt("enterpriseConnection", `{"id":"ent_1","protocol":"oidc","allow_subdomains":true,"saml_connection":{"id":"samlc_1"}}`, said),
	}
}

// The API has other names than webhooks for some of what both have; unless they are lifted, a compared row would differ for ever.
func TestTheAPIsSpellingsAreLiftedToThoseOfWebhooks(t *testing.T) {
	t.Parallel()
	for _, tc := range spellings() {
		e := takeBody([]byte(`{"type":"` + tc.typ + `.updated","data":` + tc.data + `}`))
		got, err := tc.read(&e)
		if diff := cmp.Diff(tc.want, got, cmp.Comparer(sameJSON)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", tc.data, err, diff)
		}
	}
}
