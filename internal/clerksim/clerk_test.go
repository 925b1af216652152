package clerksim

import (
	"testing"
	"time"
)

func TestDirectedChangesCarryTheClocksTime(t *testing.T) {
	t.Parallel()
	c := NewClerk(ClerkConfig{World: Config{Users: 30, Organizations: 6, Changes: 200}})
	begin := time.Now()
	last := time.Time{}
	for m, ok := c.NextFounding(); ok; m, ok = c.NextFounding() {
		if m.Time.After(begin.Add(-time.Minute)) || m.Time.Before(begin.Add(-49*time.Hour)) {
			t.Fatalf("%s of the founding is at %s", m.Type, m.Time)
		}
		last = m.Time
	}
	for range 20 {
		before := time.Now().Truncate(time.Millisecond)
		must(c.SignUp())(t)
		for m, ok := c.NextDirected(); ok; m, ok = c.NextDirected() {
			// A millisecond a message, for many can be made in one.
			if !m.Time.After(last) || m.Time.Before(before) || m.Time.After(time.Now().Add(100*time.Millisecond)) {
				t.Fatalf("%s is at %s, after %s and between %s and now", m.Type, m.Time, last, before)
			}
			last = m.Time
		}
	}
}

func TestAClockThatStandsStillStopsNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	c := founded(t, ClerkConfig{Now: func() time.Time { return now }})
	seen := map[time.Time]bool{}
	for range 10 {
		must(c.SignUp())(t)
	}
	for m, ok := c.NextDirected(); ok; m, ok = c.NextDirected() {
		if seen[m.Time] || m.Time.Before(now) || m.Time.After(now.Add(time.Second)) {
			t.Errorf("%s at %s", m.Type, m.Time)
		}
		seen[m.Time] = true
	}
}

func TestAHistoryThatEndedGoesOn(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{World: Config{Users: 5, Organizations: 1, Changes: 3}})
	for _, ok := c.Next(); ok; _, ok = c.Next() { // to its end
	}
	c.Continue(5)
	if _, ok := c.Next(); !ok {
		t.Error("it did not go on")
	}
}
