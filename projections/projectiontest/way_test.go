package projectiontest

import (
	"reflect"
	"slices"
	"testing"
)

func TestASeedTakesTheSameWaysAgain(t *testing.T) {
	t.Parallel()
	with := func(seed uint64) []way { return ways(6, 12, seed) }
	if !reflect.DeepEqual(with(1), with(1)) {
		t.Error("the same seed takes other ways")
	}
	if reflect.DeepEqual(with(1), with(2)) {
		t.Error("another seed takes the same ways")
	}
}

func TestTheSeedOfAFailureIsTakenFromTheEnvironment(t *testing.T) {
	t.Setenv(seedVariable, "42")
	if kit := New(t, desks()); kit.Seed != 42 {
		t.Errorf("seed %d", kit.Seed)
	}
	t.Setenv(seedVariable, "x")
	mustSay(t, complaint(t, func(tb testing.TB) { New(tb, desks()) }), `"x" is not a seed`)
}

// No event is missing on any way, and the random ones together do all they are for.
func TestEachWayBringsEveryEvent(t *testing.T) {
	t.Parallel()
	const count = 7
	var again, rebuilds, small, large int
	for _, w := range ways(count, 24, 1) {
		order := slices.Concat(w.batches...)
		if len(order) > count {
			again++
		}
		if w.rebuilt {
			rebuilds++
		}
		for _, batch := range w.batches {
			switch {
			case len(batch) == 0:
				t.Errorf("%v has an empty batch", w)
			case len(batch) == 1:
				small++
			case len(batch) > count/2:
				large++
			}
		}
		slices.Sort(order)
		if present := slices.Compact(order); !slices.Equal(present, upTo(count)) {
			t.Errorf("%v brings only %v", w, present)
		}
	}
	if again < 12 || rebuilds < 7 || small < 12 || large < 4 {
		t.Errorf("%d ways with repeats, %d with a rebuild, %d single events, %d large batches", again, rebuilds, small, large)
	}
}
