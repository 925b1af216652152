package projectiontest_test

import (
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projections/projectiontest"
)

// A test of a read model of a service's own, in a package whose TestMain is os.Exit(projectiontest.Main(m)). Then proves the rows, and with the events
// that were given that neither their order nor their repetition makes a difference.
func Example() {
	type seat struct {
		Role string `json:"role"`
	}
	seats := &projections.State[seat]{
		Model: "seats", Object: events.ObjectOrganizationMembership,
		Columns: []projections.Column[seat]{projections.Text("role", func(s *seat) string { return s.Role })},
	}
	monday := time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)

	_ = func(t *testing.T) { // TestTheNewestRoleCounts
		kit := projectiontest.New(t, seats)
		kit.Given(
			projectiontest.Event("organizationMembership.created", monday, projectiontest.Data{"id": "orgmem_1", "role": "org:member"}),
			projectiontest.Event("organizationMembership.updated", monday.Add(time.Hour), projectiontest.Data{"id": "orgmem_1", "role": "org:admin"}),
		)
		kit.Then("seats", projectiontest.Row{"id": "orgmem_1", "role": "org:admin"})
	}
}
