package main

import (
	"os"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections/projectiontest"
)

func TestMain(m *testing.M) { os.Exit(projectiontest.Main(m)) }

type (
	data = projectiontest.Data
	row  = projectiontest.Row
)

var (
	monday  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)

	acme = data{"id": "org_acme", "name": "Acme"}
	beta = data{"id": "org_beta", "name": "Beta"}
	ada  = data{"user_id": "user_ada", "first_name": "Ada", "last_name": "Lovelace", "identifier": "ada@x.example"}
	ben  = data{"user_id": "user_ben", "first_name": "Ben", "identifier": "+15550100"}

	adaAtAcme = row{"organization_name": "Acme", "name": "Ada Lovelace", "email": "ada@x.example", "role": "org:admin"}
	benAtAcme = row{"organization_name": "Acme", "name": "Ben", "email": nil, "role": "org:member"}
	benAtBeta = row{"organization_name": "Beta", "name": "Ben", "email": nil, "role": "org:admin"}
)

func membershipEvent(verb string, at time.Time, id, role string, organization, member data) events.Event {
	return projectiontest.Event("organizationMembership."+verb, at, data{
		"id": id, "role": role, "organization": organization, "public_user_data": member, "created_at": monday.UnixMilli(),
	})
}

func given(t *testing.T) *projectiontest.Kit {
	kit := projectiontest.New(t, memberDirectory())
	kit.Given(
		membershipEvent("created", monday, "orgmem_1", "org:member", acme, ada),
		membershipEvent("created", monday, "orgmem_2", "org:member", acme, ben),
		membershipEvent("created", monday, "orgmem_3", "org:admin", beta, ben),
		membershipEvent("updated", tuesday, "orgmem_1", "org:admin", acme, ada),
	)
	return kit
}

func TestTheDirectoryListsEachMemberWithTheNames(t *testing.T) {
	t.Parallel()
	given(t).Then("member_directory", adaAtAcme, benAtAcme, benAtBeta)
}

func TestWhoLeftIsNotListed(t *testing.T) {
	t.Parallel()
	kit := given(t)
	kit.Given(projectiontest.Event("organizationMembership.deleted", tuesday, data{"id": "orgmem_2"}))
	kit.Then("member_directory", adaAtAcme, benAtBeta)
	kit.Given(projectiontest.Event("organization.deleted", tuesday, data{"id": "org_beta"}))
	kit.Then("member_directory", adaAtAcme)
	kit.Given(projectiontest.Event("user.deleted", tuesday, data{"id": "user_ada"}))
	kit.Then("member_directory")
}

func TestTheDirectoryOfTheActiveOrganizationIsForItsMembers(t *testing.T) {
	t.Parallel()
	kit := given(t)
	kit.ThenForTenant("org_acme", "user_ada", "member_directory", adaAtAcme, benAtAcme)
	kit.ThenForTenant("org_beta", "user_ben", "member_directory", benAtBeta)
	for _, nobody := range []struct{ org, user string }{
		{"org_beta", "user_ada"}, {"org_acme", ""}, {"", "user_ada"}, {"", ""},
	} {
		kit.ThenForTenant(nobody.org, nobody.user, "member_directory")
	}
}

// The names are the copies that the membership's newest event carries: who was renamed since shows with the new name from the membership's next event on.
func TestNamesAreThoseOfTheMembershipsNewestEvent(t *testing.T) {
	t.Parallel()
	kit := given(t)
	kit.Given(projectiontest.Event("user.updated", tuesday, data{"id": "user_ben", "first_name": "Benjamin"}))
	kit.Then("member_directory", adaAtAcme, benAtAcme, benAtBeta)
	renamed := data{"user_id": "user_ben", "first_name": "Benjamin"}
	kit.Given(membershipEvent("updated", tuesday, "orgmem_3", "org:admin", beta, renamed))
	kit.Then("member_directory", adaAtAcme, benAtAcme, row{"organization_name": "Beta", "name": "Benjamin", "email": nil, "role": "org:admin"})
}
