package rls

import (
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// ownModels are read models that a service made itself: with members' rows, with nobody's, and a log.
func ownModels() []projections.Projection {
	type T = struct{}
	text := func(*T) string { return "" }
	columns := []projections.Column[T]{projections.Key("organization_id", text), projections.Key("user_id", text), projections.Text("note", text)}
	member := `exists (select from {tables}.organization_memberships m
  where m.organization_id = ` + projections.CurrentOrg + ` and m.user_id = ` + projections.CurrentUser + ` and not m.deleted)`
	return []projections.Projection{
		&projections.State[T]{Model: "badges", Object: events.ObjectOrganizationMembership, Columns: columns, Tenant: `organization_id = ` + projections.CurrentOrg + ` and ` + member,
			Needs: []string{"organization_memberships"}},
		&projections.State[T]{Model: "secrets", Object: events.ObjectUser, Columns: columns},
		&projections.Log[T]{Model: "visits", Columns: columns, Tenant: `entity_id = ` + projections.CurrentUser + ` or organization_id = ` + projections.CurrentOrg},
	}
}

// A projection of a service's own is tried by the look of its columns, through its view.
func TestReadModelsOfAServiceAreTriedToo(t *testing.T) {
	t.Parallel()
	b := &bed{conn: testkit.Connect(t, stack.Database(t))}
	if err := b.generation(t.Context(), append(projections.All(), ownModels()...)); err != nil {
		t.Fatal(err)
	}
	tables := Config{Tables: []string{"clerk.badges", "secrets", "visits"}}
	report := test(t, b.conn, tables)
	if report.Wrong() != 0 || len(report.Tables) != 3 {
		t.Errorf("%+v", report)
	}
	for change, code := range map[string]Code{
		"alter policy tenant on clerk_g1.badges using (deleted)":                               OwnRowsUnseen,
		"alter policy tenant on clerk_g1.badges using (true)":                                  NobodySeesRows,
		"alter policy tenant on clerk_g1.badges using (current_setting('clerk.org_id') <> '')": ForeignRowsSeen,
		"drop policy tenant on clerk_g1.badges":                                                "",
		"create policy tenant on clerk_g1.secrets to clerkstream_tenant using (true)":          NobodySeesRows,
		"alter policy tenant on clerk_g1.visits using (true)":                                  NobodySeesRows,
		"alter policy tenant on clerk_g1.visits using (null)":                                  OwnRowsUnseen,
		"grant usage on schema clerk_g1 to clerkstream_tenant":                                 TableReachable,
		"alter view clerk.visits set (security_invoker = false)":                               ViewNotInvoker,
		"alter table clerk_g1.secrets disable row level security":                              RLSOff,
	} {
		codes, refused := b.found(t, change, tables)
		if refused || code != "" && !slices.Contains(codes, code) {
			t.Errorf("%s: refused %t, found %v, want %s", change, refused, codes, code)
		}
	}
}

func TestTheWorldHasRowsOfEveryReadModel(t *testing.T) {
	t.Parallel()
	for _, p := range projections.All() {
		for _, table := range p.Definition().Tables {
			if !known(table.Name) {
				t.Errorf("no row of %s is planted", table.Name)
			}
		}
	}
}

func TestAReportIsReadByPeople(t *testing.T) {
	t.Parallel()
	r := &Report{
		Database: "shop", Login: "postgres (superuser)",
		Tables: []TableReport{
			{Table: "clerk.users", ReadModel: "shop, generation 3", Planted: 7, Tries: 28, relation: "clerk_g3.users"},
			{Table: "clerk.waitlist", ReadModel: "shop, generation 3", Planted: 1, Tries: 1, relation: "clerk_g3.waitlist"},
			{Table: "shop.orders", Owner: `rows belong to the organization in "organization_id"`, Planted: 2, Tries: 52, relation: "shop.orders"},
		},
		Findings: []Finding{
			{Code: ForeignRowsSeen, On: "shop.orders", Tried: "select planted rows as clerkstream_tenant, A", CameBack: "a row of B", Because: []string{`policy "p" for all using true`}, Mend: "one\ntwo", Times: 3},
			{Code: ConflictTells, Advice: true, On: "shop.orders", Tried: "insert", CameBack: "a conflict", Mend: "nothing", Times: 1},
		},
	}
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	const want = `database shop, as postgres (superuser); all that is planted is rolled back
A and B are two new organizations with a user each, who meet in no row

read models of shop, generation 3, each row as docs/row-level-security.md says
  ok    clerk.users      7 rows   28 tries
  ok    clerk.waitlist   1 row     1 try

the service's own tables
  FOUND shop.orders      2 rows   52 tries  rows belong to the organization in "organization_id"

found

  shop.orders: rows of others are seen
    tried      select planted rows as clerkstream_tenant, A
    came back  a row of B (and 2 more tries to the same end)
    asked      policy "p" for all using true
    mend       one
               two

worth knowing

  shop.orders: a unique key tells whether others have a value
    tried      insert
    came back  a conflict
    mend       nothing

81 things tried in 3 tables: 1 finding, 1 remark
`
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
}
