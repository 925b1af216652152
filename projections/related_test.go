package projections

import (
	"fmt"
	"slices"
	"testing"
)

func TestAMembershipsRowSaysWhoseItIsAsFarAsItsEventDoes(t *testing.T) {
	t.Parallel()
	const whole = `"organization":{"id":"org_1"},"public_user_data":{"user_id":"user_1"}`
	for data, want := range map[string][]string{
		whole:                            {"org_1", "user_1"},
		`"organization":{"id":"org_1"}`:  nil,
		`"public_user_data":null`:        nil,
		`"deleted":true`:                 nil,
		`"organization":"of some shape"`: nil,
	} {
		for _, verb := range []string{"created", "deleted"} {
			if verb == "created" && data == `"organization":"of some shape"` {
				continue // that is no row at all
			}
			body := fmt.Appendf(nil, `{"type":"organizationMembership.%s","timestamp":1772366400000,"data":{"id":"orgmem_1",%s}}`, verb, data)
			r := decode(t, organizationMemberships(), event("msg_1", body))
			if !slices.Equal(r.Related, want) {
				t.Errorf("%s, %s: it is related to %q, not %q", verb, data, r.Related, want)
			}
		}
	}
}

func TestWhatARowIsRelatedToIsNoPartOfItsDefinition(t *testing.T) {
	t.Parallel()
	related, plain := things(), things()
	related.Related = func(*thing) []string { return []string{"one"} }
	if Hash([]Projection{related}) != Hash([]Projection{plain}) {
		t.Error("it would be a new generation")
	}
}
