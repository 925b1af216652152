package projectiontest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// way is one of the ways in which the same events can reach a projection. The events are numbered from 0, as they were given.
type way struct {
	name    string
	batches [][]int
	// rebuilt says that a rebuild brings in the first batch; the others come live.
	rebuilt bool
	// idle says that the last batch brings nothing new.
	idle bool
}

// straight is the way that all others are compared with.
func straight(count int) way {
	return way{name: "all at once", batches: [][]int{upTo(count)}}
}

// ways is the plain ways and some at random, which the seed decides.
func ways(count, random int, seed uint64) []way {
	r := rand.New(rand.NewPCG(seed, 0))
	all := upTo(count)
	back := slices.Clone(all)
	slices.Reverse(back)
	out := []way{
		{name: "one by one", batches: singles(all)},
		{name: "backwards, one by one", batches: singles(back)},
		{name: "all at once and again", batches: [][]int{all, all}, idle: true},
		{name: "rebuilt", batches: [][]int{all}, rebuilt: true},
		{name: "rebuilt and written again", batches: [][]int{all, back}, rebuilt: true, idle: true},
	}
	for i := range random {
		// A rebuild costs a few dozen statements, so every fourth.
		out = append(out, way{name: fmt.Sprintf("random order %d (%s=%d)", i+1, seedVariable, seed), batches: cut(repeated(r.Perm(count), r), r), rebuilt: i%4 == 0})
	}
	return out
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func singles(order []int) (batches [][]int) {
	for _, n := range order {
		batches = append(batches, []int{n})
	}
	return batches
}

// repeated lets about every third event come again, anywhere.
func repeated(order []int, r *rand.Rand) []int {
	for n := range order {
		if r.IntN(3) == 0 {
			order = slices.Insert(order, r.IntN(len(order)+1), n)
		}
	}
	return order
}

// cut makes batches, which are small as often as large.
func cut(order []int, r *rand.Rand) (batches [][]int) {
	for len(order) > 0 {
		size := 1 + r.IntN(1+r.IntN(len(order)))
		batches, order = append(batches, order[:size]), order[size:]
	}
	return batches
}

// String names the events from 1.
func (w way) String() string {
	parts := make([]string, len(w.batches))
	for i, batch := range w.batches {
		numbers := make([]string, len(batch))
		for j, n := range batch {
			numbers[j] = fmt.Sprint(n + 1)
		}
		parts[i] = "[" + strings.Join(numbers, " ") + "]"
		if i == 0 && w.rebuilt {
			parts[i] = "rebuild of " + parts[i]
		}
	}
	return w.name + ": " + strings.Join(parts, " ")
}
