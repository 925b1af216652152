package sentinel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// monday is the beginning of a week.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const floor = 10 * time.Minute

// poisson has a rhythm learn a Poisson stream, and returns it with the time of its last event. check, if set, is asked before each.
func poisson(r *rand.Rand, typ string, from time.Time, perHour float64, span time.Duration, x *rhythm, check func(before time.Time)) time.Time {
	at := from
	for {
		next := at.Add(time.Duration(r.ExpFloat64() / perHour * float64(time.Hour)))
		if next.Sub(from) > span {
			return at
		}
		at = next
		if check != nil {
			check(at)
		}
		x.observe(typ, at)
	}
}

func TestNoSilenceIsReportedOnAPoissonStreamOfTheLearntRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		perHour := rapid.SampledFrom([]float64{0.5, 2, 10, 60, 600}).Draw(t, "per hour")
		x := newRhythm(floor)
		from := monday.Add(time.Duration(rapid.IntRange(0, 7*24).Draw(t, "hour")) * time.Hour)
		learning := min(7*24*time.Hour, time.Duration(20_000/perHour*float64(time.Hour)))
		poisson(r, "user.updated", from, perHour, learning, x, func(at time.Time) {
			if x.overdue(&x.all, at) || len(x.silentTypes(at)) > 0 {
				t.Fatalf("%v events an hour: silence at %s, last %s, %.1f expected", perHour, at, x.all.last, x.expected(&x.all, x.all.last, at))
			}
		})
	})
}

// In this week one hour of the weekend, watched once, was fuller than its rate; with that taken for the rate a quarter of an hour on the next day was silence.
func TestAnHourThatWasFullByLuckIsNoRate(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	poisson(rand.New(rand.NewPCG(0x2e2cce, 1)), "user.updated", monday, 60, 7*24*time.Hour, x, func(at time.Time) {
		if x.overdue(&x.all, at) {
			t.Errorf("silence at %s, last %s, of improbability %.1f", at, x.all.last, x.improbable(&x.all, x.all.last, at))
		}
	})
}

func TestSilenceIsAlwaysReportedWhenNothingComes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		perHour := rapid.SampledFrom([]float64{2, 10, 60, 600}).Draw(t, "per hour")
		x := newRhythm(floor)
		last := poisson(r, "user.updated", monday, perHour, 5*24*time.Hour, x, nil)
		// The rate is learnt with an error: twice the time is enough, the floor at least. It is Friday's end, so the weekend is not known.
		limit := 2*time.Duration(enough/perHour*float64(time.Hour)) + 2*floor
		at := last.Add(limit)
		if at.Weekday() == time.Saturday {
			at = at.Add(48 * time.Hour)
		}
		if !x.overdue(&x.all, at) || len(x.silentTypes(at)) != 1 {
			t.Fatalf("%v events an hour: %s without any are no silence, %.1f expected", perHour, limit, x.expected(&x.all, last, at))
		}
		if early := last.Add(floor - time.Second); x.overdue(&x.all, early) {
			t.Fatal("silence is reported before the floor")
		}
	})
}

func TestMemoryIsBoundedUnderManyTypes(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	for i := range 100 * maxTypes {
		at := monday.Add(time.Duration(i) * time.Second)
		x.observe(fmt.Sprintf("invented.type%d", i), at)
		x.observe("user.updated", at)
	}
	if len(x.types) > maxTypes {
		t.Errorf("%d types are remembered, at most %d may be", len(x.types), maxTypes)
	}
	if x.types["user.updated"] == nil {
		t.Error("what always comes was forgotten for what came once")
	}
}

// days has a rhythm learn days whose hours 8 to 18 are busy and whose nights are still.
func days(x *rhythm, n int) (last time.Time) {
	r := rand.New(rand.NewPCG(1, 1))
	for day := range n {
		if at := monday.Add(time.Duration(day) * 24 * time.Hour); at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
			last = poisson(r, "user.updated", at.Add(8*time.Hour), 60, 10*time.Hour, x, nil)
		}
	}
	return last
}

func TestANightIsNoSilence(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	last := days(x, 10) // Wednesday of the second week
	if morning := last.Truncate(24 * time.Hour).Add(31 * time.Hour); x.overdue(&x.all, morning) {
		t.Errorf("the night until %s is taken for silence", morning)
	}
	if noon := last.Truncate(24 * time.Hour).Add(33 * time.Hour); !x.overdue(&x.all, noon) {
		t.Errorf("no event until %s, an hour into the busy time, is not taken for silence", noon)
	}
}

func TestTheFirstNightIsNoSilence(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	if last := days(x, 1); x.overdue(&x.all, last.Add(10*time.Hour)) {
		t.Error("the night after a first busy day is taken for silence")
	}
}

func TestABurstDoesNotMakeWhatFollowsSilence(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	r := rand.New(rand.NewPCG(2, 2))
	last := poisson(r, "user.created", monday, 4, 4*24*time.Hour, x, nil)
	for i := range 50_000 { // an import, or the backlog of an outage
		x.observe("user.created", last.Add(time.Duration(i)*time.Millisecond))
	}
	poisson(r, "user.created", last.Add(time.Minute), 4, 24*time.Hour, x, func(at time.Time) {
		if x.overdue(&x.all, at) {
			t.Errorf("silence at %s after a burst", at)
		}
	})
}

func TestAnOutageIsNotLearnt(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	r := rand.New(rand.NewPCG(3, 3))
	last := poisson(r, "user.created", monday, 30, 3*24*time.Hour, x, nil)
	before := x.expected(&x.all, last, last.Add(time.Hour))
	x.observe("user.created", last.Add(12*time.Hour))
	after := x.expected(&x.all, last, last.Add(time.Hour))
	if after < 0.9*before {
		t.Errorf("an hour's expectation fell from %.1f to %.1f by 12 hours of outage", before, after)
	}
}

func TestATypeThatIsNoLongerUsedIsForgotten(t *testing.T) {
	t.Parallel()
	x := newRhythm(floor)
	r := rand.New(rand.NewPCG(4, 4))
	last := poisson(r, "session.created", monday, 30, 3*24*time.Hour, x, nil)
	poisson(r, "user.updated", last, 30, time.Hour*24, x, nil)
	if s := x.silentTypes(last.Add(24 * time.Hour)); len(s) != 1 || s[0].Type != "session.created" {
		t.Errorf("silent types are %v", s)
	}
	if s := x.silentTypes(last.Add(forgetAfter + 24*time.Hour)); len(x.types) != 0 || len(s) != 0 {
		t.Errorf("%d types are still missed after %s", len(x.types), forgetAfter)
	}
}
