package projections_test

import (
	"fmt"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// seat is what this service wants of a membership. Other fields of the event are not even decoded.
type seat struct {
	Role         string `json:"role"`
	Organization struct {
		ID string `json:"id"`
	} `json:"organization"`
	Since events.Time `json:"created_at"`
}

// A read model of a service's own: the list of its columns, and who sees a row. The table, the view, the policy and the SQL that writes are made from it.
func ExampleState() {
	seats := &projections.State[seat]{
		Model: "seats", Object: events.ObjectOrganizationMembership,
		Columns: []projections.Column[seat]{
			projections.Key("organization_id", func(s *seat) string { return s.Organization.ID }),
			projections.Text("role", func(s *seat) string { return s.Role }),
			projections.Moment("since", func(s *seat) events.Time { return s.Since }),
		},
		Indexes: []string{`(organization_id)`},
		Tenant:  `organization_id = ` + projections.CurrentOrg,
	}

	e, _ := events.New(
		events.Intake{ID: "msg_1", Instance: "prod", Source: events.SourceWebhook, Received: time.UnixMilli(1788429600100)},
		[]byte(`{"type":"organizationMembership.created","timestamp":1788429600005,
			"data":{"id":"orgmem_1","role":"org:admin","organization":{"id":"org_acme"},"created_at":1788429600000}}`))
	row, err := seats.Decode(&e)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seats.Wants(e.Object, e.Verb), row.Key)
	for _, v := range seats.Describe(row) {
		fmt.Println(v.Column, v.Text)
	}
	// Output:
	// true orgmem_1
	// id orgmem_1
	// organization_id org_acme
	// role org:admin
	// since 2026-09-03T10:00:00.000Z
}

// A log keeps every event of some objects, here of all sign-ins.
func ExampleLog() {
	signIns := &projections.Log[events.Session]{
		Model: "sign_ins", Objects: []string{events.ObjectSession},
		Columns: []projections.Column[events.Session]{projections.Key("user_id", func(s *events.Session) string { return s.UserID })},
		Tenant:  `user_id = ` + projections.CurrentUser,
	}
	fmt.Println(signIns.Name(), signIns.Wants("session", "created"), signIns.Wants("user", "created"))
	// Output: sign_ins true false
}

// A service that needs little takes little: the read models it names, and those that these need.
func ExampleSelect() {
	few, err := projections.Select(projections.All(), []string{"organization_memberships"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range few {
		fmt.Println(p.Name())
	}
	// Output:
	// users
	// organizations
	// organization_memberships
}
