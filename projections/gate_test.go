package projections

import (
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// typeOf is an event type of each read model.
var typeOf = map[string]string{
	"users": "user.updated", "organizations": "organization.updated", "organization_memberships": "organizationMembership.updated",
	"organization_invitations": "organizationInvitation.accepted", "organization_domains": "organizationDomain.updated", "roles": "role.updated",
	"permissions": "permission.updated", "sessions": "session.ended", "waitlist_entries": "waitlistEntry.updated",
	"subscriptions": "subscription.updated", "subscription_items": "subscriptionItem.updated", "payment_attempts": "paymentAttempt.updated",
	"enterprise_connections": "enterpriseConnection.updated",
}

// Whatever comes in whichever order, the row is that of the greatest version.
func TestOnlyANewerVersionChangesTheRow(t *testing.T) {
	t.Parallel()
	all := All()
	b := newTables(t, all...)
	for _, p := range all {
		typ := typeOf[p.Name()]
		at := func(id string, moment time.Time) events.Event {
			return event(id, testkit.Body(typ, moment, testkit.Data{"id": "x_1"}))
		}
		for _, step := range []struct {
			name  string
			event events.Event
			want  Outcome
			shows time.Time
		}{
			{"the first", at("msg_b", noon), applied, noon},
			{"the same again", at("msg_b", noon), duplicate, noon},
			{"an older one", at("msg_z", noon.Add(-time.Second)), stale, noon},
			{"of equal clocks the lesser id", at("msg_a", noon), stale, noon},
			{"of equal clocks the greater id", at("msg_c", noon), applied, noon},
			{"a newer one", at("msg_a", noon.Add(time.Millisecond)), applied, noon.Add(time.Millisecond)},
		} {
			o := b.write(t, p, step.event)
			if len(o.Applied) != len(step.want.Applied) || o.Duplicates != step.want.Duplicates || o.Stale != step.want.Stale {
				t.Errorf("%s: %s: %+v", p.Name(), step.name, o)
			}
			if shows := value[time.Time](t, b, `select updated_at from v.`+p.Name()); !shows.Equal(step.shows) {
				t.Errorf("%s: after %s the row is of %s, want %s", p.Name(), step.name, shows, step.shows)
			}
			winner := value[string](t, b, `select version from g.`+p.Name())
			if len(o.Applied) == 1 && winner != string(step.event.Version) {
				t.Errorf("%s: after %s the version is %s", p.Name(), step.name, winner)
			}
		}
	}
}

var (
	applied   = Outcome{Applied: []string{"x_1"}}
	duplicate = Outcome{Duplicates: 1}
	stale     = Outcome{Stale: 1}
)

func TestATombstoneKeepsIdAndVersionAndIsFinal(t *testing.T) {
	t.Parallel()
	all := All()
	b := newTables(t, all...)
	for _, name := range []string{
		"user.updated", "organization.updated", "organizationMembership.updated", "organizationDomain.updated", "role.updated",
		"permission.updated", "enterpriseConnection.updated.polled",
	} {
		living := sample(t, name)
		p := projectionOf(t, all, &living)
		gone := event("msg_gone", testkit.Body(living.Object+".deleted", noon.AddDate(-10, 0, 0), testkit.Data{"id": living.EntityID, "name": "said in a delete"}))
		b.write(t, p, living)
		if o := b.write(t, p, gone); len(o.Applied) != 1 {
			t.Errorf("%s: a delete with an old clock did %+v", p.Name(), o)
		}
		kept := value[string](t, b, `
select string_agg(key, ' ' order by key)
from jsonb_each(jsonb_strip_nulls(to_jsonb((select r from g.`+p.Name()+` r))))`)
		if kept != "deleted id version" {
			t.Errorf("%s: the tombstone keeps %s", p.Name(), kept)
		}
		if o := b.write(t, p, living); o.Stale != 1 {
			t.Errorf("%s: what was said before it was deleted did %+v", p.Name(), o)
		}
		for _, v := range p.Definition().Views {
			if n := value[int](t, b, `select count(*) from v.`+v.Name); n != 0 {
				t.Errorf("%s still shows %d rows", v.Name, n)
			}
			if n := value[int](t, b, `select count(*) from g.`+v.Name); v.Name != p.Name() && n != 0 {
				t.Errorf("%s still has %d rows", v.Name, n)
			}
		}
	}
}
