package projections_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tenancy is a database with two organizations whose members overlap, and with everything that has gone: a deleted user, a deleted
// organization, a member who left. A real projector made its tables, grants and rows.
type tenancy struct {
	*testkit.Log
	conn *pgx.Conn
	sent int
	last uint64
}

func newTenancy(t *testing.T) *tenancy {
	t.Helper()
	url := projections.Stack.Database(t)
	d := &tenancy{Log: projections.Stack.Log(t), conn: testkit.Connect(t, url)}
	d.people(t)
	d.organizations(t)
	d.instance(t)
	d.payments(t)
	d.departures(t)
	d.project(t, url)
	return d
}

// publish tells of one entity. What refers to others does so by the given pairs of field and id.
func (d *tenancy) publish(t *testing.T, typ, id string, data testkit.Data) {
	t.Helper()
	full := testkit.Data{"id": id}
	maps.Copy(full, data)
	d.sent++
	d.last = d.Publish(t, fmt.Sprintf("msg_%d", d.sent), testkit.Body(typ, noon, full))
}

// project lets a projector write everything that was published.
func (d *tenancy) project(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arrived := false
	err := projector.Run(ctx, projector.Config{
		Service: "test", Instance: d.Instance, Projections: projections.All(), DatabaseURL: url, NATSURL: d.URL,
		Observe: func(c projector.Commit) {
			if c.Sequence == d.last {
				arrived = true
				cancel()
			}
		},
	})
	if err != nil || !arrived {
		t.Fatalf("project up to %d: arrived %t, %v", d.last, arrived, err)
	}
}

func mail(address, status string) testkit.Data {
	return testkit.Data{"id": "idn_" + address, "email_address": address, "verification": testkit.Data{"status": status}}
}

func (d *tenancy) people(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ada", "ben", "dora", "eve", "finn", "gus"} {
		d.publish(t, "user.created", name, testkit.Data{"email_addresses": []any{mail(name+"@x.example", "verified")}})
		d.publish(t, "session.created", "s-"+name, testkit.Data{"user_id": name})
	}
	d.publish(t, "session.created", "s-cleo", testkit.Data{"user_id": "cleo"})
	// Cleo claims one address that she never proved to be hers, and, as external id, one that is somebody else's.
	d.publish(t, "user.created", "cleo", testkit.Data{
		"email_addresses": []any{mail("Cleo@x.example", "verified"), mail("claimed@x.example", "unverified")},
		"external_id":     "stranger@x.example",
	})
}

func (d *tenancy) organizations(t *testing.T) {
	t.Helper()
	for org, members := range map[string][]string{
		"acme": {"ada", "ben", "dora", "eve"},
		"beta": {"ben", "finn"},
		"gone": {"ada", "gus"},
	} {
		d.publish(t, "organization.created", org, nil)
		d.publish(t, "organizationDomain.created", "d-"+org, testkit.Data{"organization_id": org, "name": org + ".example"})
		d.publish(t, "enterpriseConnection.created", "c-"+org, testkit.Data{"organization_id": org})
		for _, user := range members {
			d.publish(t, "organizationMembership.created", user+"-"+org, testkit.Data{
				"organization": testkit.Data{"id": org}, "public_user_data": testkit.Data{"user_id": user}, "role": "org:member",
			})
		}
	}
	for id, to := range map[string]testkit.Data{
		"acme-new":      {"organization_id": "acme", "email_address": "new@x.example"},
		"beta-ada":      {"organization_id": "beta", "email_address": "ada@x.example"},
		"beta-cleo":     {"organization_id": "beta", "email_address": "CLEO@x.example"},
		"beta-cleo-id":  {"organization_id": "beta", "email_address": "old@x.example", "user_id": "cleo"},
		"beta-claimed":  {"organization_id": "beta", "email_address": "claimed@x.example"},
		"beta-stranger": {"organization_id": "beta", "email_address": "stranger@x.example"},
		"gone-cleo":     {"organization_id": "gone", "email_address": "cleo@x.example"},
	} {
		d.publish(t, "organizationInvitation.created", id, to)
	}
}

// instance is what belongs to no organization and to no user.
func (d *tenancy) instance(t *testing.T) {
	t.Helper()
	permission := func(id string) testkit.Data { return testkit.Data{"id": id, "key": "org:" + id} }
	for _, id := range []string{"read", "write", "fly"} {
		d.publish(t, "permission.created", id, permission(id))
	}
	d.publish(t, "role.created", "admin", testkit.Data{"permissions": []any{permission("read"), permission("write"), permission("fly")}})
	d.publish(t, "role.created", "pilot", testkit.Data{"permissions": []any{permission("read")}})
	d.publish(t, "waitlistEntry.created", "w-1", testkit.Data{"email_address": "cleo@x.example"})
}

func (d *tenancy) payments(t *testing.T) {
	t.Helper()
	for _, payer := range []string{"acme", "beta", "gone"} {
		d.pay(t, payer, testkit.Data{"organization_id": payer, "user_id": ""})
	}
	for _, payer := range []string{"ada", "cleo"} {
		d.pay(t, payer, testkit.Data{"user_id": payer, "organization_id": ""})
	}
}

func (d *tenancy) pay(t *testing.T, name string, payer testkit.Data) {
	t.Helper()
	d.publish(t, "subscription.created", "sub-"+name, testkit.Data{"payer": payer})
	d.publish(t, "subscriptionItem.active", "item-"+name, testkit.Data{"payer": payer})
	d.publish(t, "paymentAttempt.created", "pay-"+name, testkit.Data{"payer": payer})
}

// departures: Clerk need not tell of what goes along, so Dora's membership and all that is of the organization gone stay as they are.
func (d *tenancy) departures(t *testing.T) {
	t.Helper()
	d.publish(t, "organizationMembership.deleted", "eve-acme", nil)
	d.publish(t, "user.deleted", "dora", nil)
	d.publish(t, "organization.deleted", "gone", nil)
	d.publish(t, "permission.deleted", "fly", nil)
	d.publish(t, "role.deleted", "pilot", nil)
	d.publish(t, "organizationDomain.deleted", "d-old", nil)
	d.publish(t, "enterpriseConnection.deleted", "c-old", nil)
}
