package projections_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// What is gone, or went with its parent, is out of sight by the view alone: policies let tombstones pass, so that views can see them.
func TestTheMatrixNoticesEveryRowThatIsNoLongerHidden(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	shown := 0
	for _, p := range projections.All() {
		definition := p.Definition()
		for i, v := range definition.Views {
			for n, condition := range v.Hide {
				if hidesNothing(p, i, condition) {
					continue
				}
				v.Hide = slices.Delete(slices.Clone(definition.Views[i].Hide), n, n+1)
				create := projections.Definition{Views: []projections.View{v}}.CreateViews("clerk", "clerk_g1")[0]
				if first, refused := d.complaint(t, strings.Replace(create, "create view", "create or replace view", 1)); first == "" || refused {
					t.Errorf("nobody notices that %s shows what is %s", v.Name, condition)
				}
				shown++
			}
		}
	}
	if shown != 13 {
		t.Errorf("%d conditions were tried, want 13", shown)
	}
}

// hidesNothing is true for what can never be there: the tombstone of an object that has no delete, and child rows of a deleted owner, which
// its tombstone took along.
func hidesNothing(p projections.Projection, view int, condition string) bool {
	if view > 0 {
		return strings.Contains(condition, `{tables}."`+p.Name()+`"`)
	}
	return condition == "t.deleted" && !slices.ContainsFunc([]string{
		events.ObjectUser, events.ObjectOrganization, events.ObjectOrganizationMembership, events.ObjectOrganizationDomain, events.ObjectRole,
		events.ObjectPermission, events.ObjectEnterpriseConnection,
	}, func(object string) bool { return p.Wants(object, "deleted") })
}
