package clerksim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modelLists are the instance-wide lists and the read models that they fill.
func modelLists() map[string]string {
	return map[string]string{
		"users": "/v1/users", "organizations": "/v1/organizations", "organization_memberships": "/v1/organization_memberships",
		"organization_invitations": "/v1/organization_invitations", "organization_domains": "/v1/organization_domains",
		"roles": "/v1/organization_roles", "permissions": "/v1/organization_permissions",
	}
}

// The tests' own reader makes rows of what the lists show, as it makes them of webhooks: they must be the world's truth, no more and no less, whatever the
// size of the pages, in every order, and after any history of chance, deletions and directed changes. The lists are asked for between the changes too, so
// that the kept orders have to follow them.
func TestWalkingAListGivesTheTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			f := newReading(t, Config{Seed: seed, Users: 40, Organizations: 10, Changes: 500, OddRate: 0.2, TwinRate: 0.2, TieRate: 0.1})
			for round := range 3 {
				for range 150 {
					f.Next()
				}
				intervene(t, f.Clerk)
				r := newReader()
				for model, path := range modelLists() {
					all := f.walk(t, path, with("order_by", []string{"+created_at", "-created_at", "created_at"}[round]), 7+round*5)
					for _, o := range all {
						r.see(t, model, o)
					}
				}
				compareListed(t, f.Truth(), r.rows())
			}
		})
	}
}

// see takes an object as the newest state of what it is about.
func (r *reader) see(t *testing.T, model string, o map[string]any) {
	t.Helper()
	object := map[string]string{
		"users": "user", "organizations": "organization", "organization_memberships": "organizationMembership", "roles": "role",
		"organization_invitations": "organizationInvitation", "organization_domains": "organizationDomain", "permissions": "permission",
	}[model]
	id := o["id"].(string)
	if r.winners[id] != nil {
		t.Errorf("%s %s is listed twice", model, id)
	}
	r.winners[id] = &fact{typ: object + ".updated", object: object, verb: "updated", id: id, data: o, updated: number(o["updated_at"])}
}

// compareListed is strict: what ties in messages does not tie in what is read.
func compareListed(t *testing.T, want Truth, got map[string]map[string]Row) {
	t.Helper()
	for model := range modelLists() {
		rows := maps.Clone(want.Rows[model])
		maps.Copy(rows, want.Polled[model])
		if len(rows) == 0 {
			t.Errorf("no %s: the test would prove nothing", model)
		}
		if diff := cmp.Diff(rows, got[model]); diff != "" {
			t.Errorf("%s is not the truth:\n%s", model, diff)
		}
	}
}

// intervene makes some changes of every kind that a list must show.
func intervene(t *testing.T, c *Clerk) {
	t.Helper()
	org, user, boss := memberOf(t, c)
	for _, err := range []error{
		c.Ban(user), c.ChangeRole(org, user, "org:member"), c.DefineRole("org:reader", "org:files:read"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.AddDomain(org, "directed.example", "enterprise_sso"))(t)
	leaver := must(c.SignUp())(t)
	must(c.AddMember(org, leaver, "org:member"))(t)
	for _, err := range []error{
		c.EditProfileStill(boss, Profile{FirstName: new("Still")}), c.Visit(boss, false), c.Visit(user, true), c.RenameOrganizationStill(org, "Still", ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, done := rand.New(rand.NewPCG(1, 2)), map[string]int{}
	for range 12 {
		edit(t, c, r, done)
	}
	sketch := c.Sketch(3)
	for _, err := range []error{
		c.RemoveMember(org, leaver), c.DeleteUser(sketch.Users[1].ID), c.DeleteUser(leaver), c.DeleteOrganization(sketch.Orgs()[0]),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s Sketch) Orgs() []string {
	ids := make([]string, len(s.Organizations))
	for i, o := range s.Organizations {
		ids[i] = o.ID
	}
	return ids
}

func memberOf(t *testing.T, c *Clerk) (org, user, boss string) {
	t.Helper()
	boss = must(c.SignUp())(t)
	org = must(c.CreateOrganization(boss, "Directed", ""))(t)
	user = must(c.SignUp())(t)
	must(c.AddMember(org, user, "org:admin"))(t)
	return org, user, boss
}

// Every order that a list knows is a permutation of the same objects, ascending and descending, and stays so while the world goes on between two readings.
func TestEveryOrderHoldsWhileTheWorldGoesOn(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Seed: 5, Users: 30, Organizations: 8, Changes: 400, TieRate: 0.2})
	check(t, f, "/v1/users", userOrderings(), func(w *World) []*user { return w.users.items })
	check(t, f, "/v1/organizations", organizationOrderings(), func(w *World) []*organization { return w.orgs.items })
	check(t, f, "/v1/organization_memberships", membershipOrderings(), func(w *World) []*membership { return w.memberships.items })
}

func check[T pooled](t *testing.T, f face, path string, known orderings[T], living func(*World) []T) {
	t.Helper()
	for range 2 {
		for range 80 {
			f.Next()
		}
		intervene(t, f.Clerk)
		for name, by := range known {
			var want []string
			for _, x := range sortedBy(by, slices.Clone(living(f.world))) { // sorted afresh: the judge of what is kept
				want = append(want, x.mark().id)
			}
			for _, sign := range []string{"+", "-"} {
				if sign == "-" {
					slices.Reverse(want)
				}
				if got := idsOf(f.walk(t, path, with("order_by", sign+name), 40)); !slices.Equal(got, want) {
					t.Fatalf("%s by %s%s:\n%v, want\n%v", path, sign, name, got, want)
				}
			}
		}
	}
}
