package clerksim

import (
	"net/http/httptest"
	"testing"
)

// A founding that nobody is told of is whole: what is asked for is there, reading shows it, and the first message is of what comes after it.
func TestAFoundingThatNobodyIsToldOf(t *testing.T) {
	t.Parallel()
	for name, sparse := range map[string]bool{"sparse": true, "rich": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewClerk(ClerkConfig{World: Config{Users: 120, Organizations: 6, Memberships: 90, Changes: 40, Sparse: sparse}})
			c.Found()
			before := c.Truth()
			for model, want := range map[string]int{"users": 120, "organizations": 6, "organization_memberships": 90} {
				if got := len(before.Rows[model]); got != want {
					t.Errorf("%d %s, want %d", got, model, want)
				}
			}
			if n := len(before.Rows["sessions"]) + len(before.Rows["subscriptions"]); sparse != (n == 0) {
				t.Errorf("%d sessions and subscriptions", n)
			}
			s := httptest.NewServer(c.Handler())
			t.Cleanup(s.Close)
			f := face{c, s}
			if all := f.walk(t, "/v1/organization_memberships", nil, 40); len(all) != 90 {
				t.Errorf("%d memberships are read", len(all))
			}
			told := 0
			for m, ok := c.Next(); ok; m, ok = c.Next() {
				told++
				if len(m.Body) == 0 || before.Rows["users"][m.EntityID] != nil && m.Type == "user.created" {
					t.Fatalf("%s of %s is of the founding", m.Type, m.EntityID)
				}
			}
			if told < 40 {
				t.Errorf("%d messages after the founding", told)
			}
		})
	}
}

func TestTheSameConfigFoundsTheSameWorld(t *testing.T) {
	t.Parallel()
	ids := func(seed uint64) string {
		w := Config{Seed: seed, Users: 30, Organizations: 3, Memberships: 20, Sparse: true, Start: NewWorld(Config{}).cfg.Start}
		c := NewClerk(ClerkConfig{World: w})
		c.Found()
		last := ""
		for _, m := range c.world.memberships.items {
			last += m.id
		}
		return last
	}
	if first, again := ids(1), ids(1); first != again || first == ids(2) {
		t.Error("the seed does not decide the founding")
	}
}
