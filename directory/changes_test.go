package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// words says in a line what a lookup answers, so that answers can be compared and read.
type words func(ctx context.Context, r reader) string

func userWords(id string) words {
	return func(ctx context.Context, d reader) string {
		u, err := d.User(ctx, id)
		return say(u.ID+" "+u.FirstName, err)
	}
}

func emailWords(address string) words {
	return func(ctx context.Context, d reader) string {
		holders, err := d.UsersByEmail(ctx, address)
		var ids []string
		for _, h := range holders {
			ids = append(ids, h.User.ID)
		}
		slices.Sort(ids)
		return say(strings.Join(ids, " "), err)
	}
}

func externalWords(id string) words {
	return func(ctx context.Context, d reader) string {
		u, err := d.UserByExternalID(ctx, id)
		return say(u.ID, err)
	}
}

func slugWords(slug string) words {
	return func(ctx context.Context, d reader) string {
		o, err := d.OrganizationBySlug(ctx, slug)
		return say(o.ID+" "+o.Name, err)
	}
}

func domainWords(domain string) words {
	return func(ctx context.Context, d reader) string {
		o, err := d.OrganizationByDomain(ctx, domain)
		return say(o.ID, err)
	}
}

func memberWords(org, user string) words {
	return func(ctx context.Context, d reader) string {
		m, err := d.Membership(ctx, org, user)
		return say(m.ID+" "+m.Role, err)
	}
}

func permissionWords(org, user, permission string) words {
	return func(ctx context.Context, d reader) string {
		has, err := d.HasPermission(ctx, org, user, permission)
		return say(fmt.Sprint(has), err)
	}
}

func connectionWords(address string) words {
	return func(ctx context.Context, d reader) string {
		c, err := d.EnterpriseConnectionForEmail(ctx, address)
		return say(c.ID, err)
	}
}

func say(answer string, err error) string {
	switch {
	case errors.Is(err, ErrNotFound):
		return "none"
	case err != nil:
		return err.Error()
	}
	return answer
}

// told is an event.
type told struct {
	typ, id string
	data    testkit.Data
}

func connection(org string, active bool, domains ...string) testkit.Data {
	return testkit.Data{"organization_id": org, "active": active, "domains": domains, "provider": "saml_okta", "protocol": "saml", "allow_subdomains": true}
}

func with(data testkit.Data, name string, value any) testkit.Data {
	data[name] = value
	return data
}

// change is what becomes of an answer through an event.
type change struct {
	before []told
	ask    words
	first  string
	change told
	then   string
}

var changes = map[string]change{
	"a user changes": {
		[]told{{"user.created", "user_a", testkit.Data{"first_name": "Ada"}}}, userWords("user_a"), "user_a Ada",
		told{"user.updated", "user_a", testkit.Data{"first_name": "Bea"}}, "user_a Bea",
	},
	"a user is deleted": {
		[]told{{"user.created", "user_a", testkit.Data{"first_name": "Ada"}}}, userWords("user_a"), "user_a Ada",
		told{"user.deleted", "user_a", deleted()}, "none",
	},
	"a user that was looked for is created": {
		nil, userWords("user_a"), "none", told{"user.created", "user_a", testkit.Data{"first_name": "Ada"}}, "user_a Ada",
	},
	"an address that nobody had is given": {
		[]told{{"user.created", "user_a", nil}}, emailWords("x@x.example"), "", told{"user.updated", "user_a", emails("X@x.example")}, "user_a",
	},
	"an address gets a second holder": {
		[]told{{"user.created", "user_a", emails("x@x.example")}}, emailWords("x@x.example"), "user_a",
		told{"user.created", "user_b", emails("x@x.example")}, "user_a user_b",
	},
	"an address loses its holder": {
		[]told{{"user.created", "user_a", emails("x@x.example")}}, emailWords("x@x.example"), "user_a",
		told{"user.updated", "user_a", emails("y@x.example")}, "",
	},
	"the holder of an address is deleted": {
		[]told{{"user.created", "user_a", emails("x@x.example")}}, emailWords("x@x.example"), "user_a", told{"user.deleted", "user_a", deleted()}, "",
	},
	"an external id goes to another user": {
		[]told{{"user.created", "user_a", testkit.Data{"external_id": "7"}}}, externalWords("7"), "user_a",
		told{"user.created", "user_b", testkit.Data{"external_id": "7"}}, "user_b",
	},
	"a slug is taken": {
		[]told{{"organization.created", "org_a", testkit.Data{"name": "A", "slug": "one"}}}, slugWords("two"), "none",
		told{"organization.updated", "org_a", testkit.Data{"name": "A", "slug": "two"}}, "org_a A",
	},
	"a slug is given up": {
		[]told{{"organization.created", "org_a", testkit.Data{"name": "A", "slug": "one"}}}, slugWords("one"), "org_a A",
		told{"organization.updated", "org_a", testkit.Data{"name": "A", "slug": "two"}}, "none",
	},
	"a domain is verified": {
		[]told{
			{"organization.created", "org_a", nil},
			{"organizationDomain.created", "orgdmn_1", with(verifiedDomain("org_a", "x.example"), "affiliation_verification", nil)},
		}, domainWords("X.example"), "none",
		told{"organizationDomain.updated", "orgdmn_1", verifiedDomain("org_a", "x.example")}, "org_a",
	},
	"a domain is deleted": {
		[]told{{"organization.created", "org_a", nil}, {"organizationDomain.created", "orgdmn_1", verifiedDomain("org_a", "x.example")}}, domainWords("x.example"), "org_a",
		told{"organizationDomain.deleted", "orgdmn_1", deleted()}, "none",
	},
	"the organization of a domain comes after it": {
		[]told{{"organizationDomain.created", "orgdmn_1", verifiedDomain("org_a", "x.example")}}, domainWords("x.example"), "none",
		told{"organization.created", "org_a", nil}, "org_a",
	},
	"the organization of a domain is deleted": {
		[]told{{"organization.created", "org_a", nil}, {"organizationDomain.created", "orgdmn_1", verifiedDomain("org_a", "x.example")}}, domainWords("x.example"), "org_a",
		told{"organization.deleted", "org_a", deleted()}, "none",
	},
	"somebody joins": {
		nil, memberWords("org_a", "user_a"), "none",
		told{"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")}, "orgmem_1 org:member",
	},
	"somebody leaves": {
		[]told{{"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")}}, memberWords("org_a", "user_a"), "orgmem_1 org:member",
		told{"organizationMembership.deleted", "orgmem_1", member("org_a", "user_a", "org:member")}, "none",
	},
	"somebody leaves, and Clerk tells only which membership": {
		[]told{{"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")}}, memberWords("org_a", "user_a"), "orgmem_1 org:member",
		told{"organizationMembership.deleted", "orgmem_1", deleted()}, "none",
	},
	"a member is deleted, and Clerk tells nothing of the membership": {
		[]told{{"user.created", "user_a", nil}, {"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")}},
		memberWords("org_a", "user_a"), "orgmem_1 org:member", told{"user.deleted", "user_a", deleted()}, "none",
	},
	"an organization is deleted, and Clerk tells nothing of its memberships": {
		[]told{{"organization.created", "org_a", nil}, {"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")}},
		memberWords("org_a", "user_a"), "orgmem_1 org:member", told{"organization.deleted", "org_a", deleted()}, "none",
	},
	"a role is given a permission": {
		[]told{
			{"role.created", "role_1", role("org:member")}, {"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")},
		}, permissionWords("org_a", "user_a", "org:sys_memberships:manage"), "false",
		told{"role.updated", "role_1", role("org:member", "org:sys_memberships:manage")}, "true",
	},
	"a permission is deleted, and Clerk tells nothing of the role": {
		[]told{
			{"role.created", "role_1", role("org:member", "org:x:read")}, {"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")},
		}, permissionWords("org_a", "user_a", "org:x:read"), "true",
		told{"permission.deleted", permissionID("org:x:read"), deleted()}, "false",
	},
	"a member gets another role": {
		[]told{
			{"role.created", "role_1", role("org:admin", "org:x:write")}, {"organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:admin")},
		}, permissionWords("org_a", "user_a", "org:x:write"), "true",
		told{"organizationMembership.updated", "orgmem_1", member("org_a", "user_a", "org:member")}, "false",
	},
	"a connection is switched off": {
		[]told{{"enterpriseConnection.created", "ent_1", connection("org_a", true, "X.example")}}, connectionWords("ada@dev.x.example"), "ent_1",
		told{"enterpriseConnection.updated", "ent_1", connection("org_a", false, "X.example")}, "none",
	},
}

func TestANoticeEndsTheAnswerItMakesWrong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	for name, c := range changes {
		for _, settled := range []bool{false, true} {
			b.becomes(t, d, fmt.Sprintf("%s (settled: %t)", name, settled), c, settled)
		}
	}
}

func (b *bed) becomes(t *testing.T, d *opened, name string, c change, settled bool) {
	t.Helper()
	b.clear(t, d)
	for _, e := range c.before {
		d.untilHeard(t, b.publish(t, e.typ, e.id, e.data))
	}
	d.untilSettled(t)
	before := d.lookups(t, "hit")
	for range 2 {
		if got := c.ask(t.Context(), d.Directory); got != c.first {
			t.Fatalf("%s: at first the answer is %q, want %q", name, got, c.first)
		}
	}
	if d.lookups(t, "hit") == before {
		t.Errorf("%s: no answer comes from memory, so there is nothing to invalidate", name)
	}
	d.untilHeard(t, b.publish(t, c.change.typ, c.change.id, c.change.data))
	if settled {
		d.untilSettled(t)
	}
	if got := c.ask(t.Context(), d.Directory); got != c.then {
		t.Errorf("%s: after %s the answer is %q, want %q", name, c.change.typ, got, c.then)
	}
}
