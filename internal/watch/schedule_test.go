package watch

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/reconcile"
)

func TestFullWalksAreDueOnceADay(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(d, h, m int) time.Time {
		return day.AddDate(0, 0, d).Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	}
	berlin := time.FixedZone("", 3600)
	s := schedule{fullAt: 3 * time.Hour, spread: 10 * time.Minute}
	for name, c := range map[string]struct {
		s          schedule
		last, want time.Time
	}{
		"there was none":              {s, time.Time{}, time.Time{}},
		"the last was on time":        {s, at(0, 3, 10), at(1, 3, 10)},
		"the last was late":           {s, at(0, 17, 0), at(1, 3, 10)},
		"the last was before today's": {s, at(0, 3, 9), at(0, 3, 10)},
		"the last was days ago":       {s, at(-5, 4, 0), at(-4, 3, 10)}, // and so now
		"in another time zone":        {s, at(0, 3, 10).In(berlin), at(1, 3, 10)},
		"shortly before midnight":     {schedule{fullAt: 23*time.Hour + 50*time.Minute, spread: 20 * time.Minute}, at(0, 0, 10), at(1, 0, 10)},
		"off":                         {schedule{fullAt: -1}, at(0, 0, 0), never},
	} {
		if got := c.s.full(c.last); !got.Equal(c.want) {
			t.Errorf("%s: due %s, want %s", name, got, c.want)
		}
	}
}

func TestRecentWalksAreDueWithJitter(t *testing.T) {
	t.Parallel()
	last := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := schedule{recentEvery: 5 * time.Minute}
	seen := map[time.Time]bool{}
	for range 1000 {
		due := s.recent(last)
		if wait := due.Sub(last); wait < 270*time.Second || wait > 330*time.Second {
			t.Fatalf("due after %s", wait)
		}
		seen[due] = true
	}
	if len(seen) < 500 {
		t.Errorf("only %d different times", len(seen))
	}
	if got := (schedule{}).recent(last); got != never {
		t.Errorf("off is due %s", got)
	}
}

func TestInstancesDoNotWalkAtOnce(t *testing.T) {
	t.Parallel()
	a, b := newSchedule("prod", 0, 0), newSchedule("staging", 0, 0)
	if a.spread == b.spread || a.spread != newSchedule("prod", 0, 0).spread || a.spread < 0 || a.spread >= spreadOver {
		t.Errorf("spread %s and %s", a.spread, b.spread)
	}
}

func TestParseTimeOfDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"03:00": 3 * time.Hour, "23:59": 24*time.Hour - time.Minute, "00:00": 0, "off": -1, "": -1} {
		if got, err := ParseTimeOfDay(text); err != nil || got != want {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"3", "24:00", "03:60", "noon", "03:00:00"} {
		if got, err := ParseTimeOfDay(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestAWalkThatAlwaysFailsIsTriedLessAndLess(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	var sum time.Duration
	last := time.Duration(0)
	for n := 1; n <= 100; n++ {
		wait := retryAfter(refused, n)
		if wait < last || wait > 6*time.Hour {
			t.Fatalf("failure %d: %s after %s", n, wait, last)
		}
		last = wait
		sum += wait
	}
	if retryAfter(refused, 1) != againAfter || sum < 500*time.Hour {
		t.Errorf("a hundred failures take %s", sum)
	}
	if wait := retryAfter(fmt.Errorf("walk: %w", reconcile.ErrReadModelBehind), 50); wait != soonAfter {
		t.Errorf("a read model that is behind: %s", wait)
	}
}
