package clerksim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The order that is kept through thousands of changes, so that its blocks split and vanish, is the one that sorting afresh gives; ranks and bounds are
// those that counting gives.
func TestAKeptOrderIsASortedOne(t *testing.T) {
	t.Parallel()
	for name, fixed := range map[string]bool{"by what changes": false, "by what stays": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, 1))
			by := ordering[*user]{number: func(u *user) int64 { return u.updated }}
			var all []*user
			next := func() *user {
				return &user{stamp: stamp{id: newID(r, "user_"), updated: r.Int64N(900)}} // many share a number
			}
			for range 3000 {
				all = append(all, next())
			}
			o := newOrdered(all, by.number, fixed)
			for round := range 9 {
				for range 1500 {
					i := r.IntN(len(all))
					switch {
					case round%3 == 2 && len(all) > 50: // shrinks
						o.remove(all[i])
						all = slices.Delete(all, i, i+1)
					case fixed || r.IntN(3) > 0:
						all = append(all, next())
						o.add(all[len(all)-1])
					default:
						all[i].updated = r.Int64N(900)
						o.move(all[i])
					}
				}
				all = sortedBy(by, all)
				if err := judge(o, all); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}

func judge(o *ordered[*user], sorted []*user) error {
	if o.len() != len(sorted) || !slices.Equal(o.span(0, o.len()), sorted) {
		return fmt.Errorf("%d in an order that is not that of the %d there are", o.len(), len(sorted))
	}
	for i := 0; i < len(sorted); i += 37 {
		if o.rank(sorted[i]) != i {
			return fmt.Errorf("the rank of the %d-th is %d", i, o.rank(sorted[i]))
		}
		if high := min(i+100, len(sorted)); !slices.Equal(o.span(i, high), sorted[i:high]) {
			return fmt.Errorf("the span from %d to %d is another", i, high)
		}
	}
	for number := int64(-1); number <= 900; number++ {
		want := slices.IndexFunc(sorted, func(u *user) bool { return u.updated >= number })
		if want < 0 {
			want = len(sorted)
		}
		if got := o.below(number); got != want {
			return fmt.Errorf("%d are below %d, want %d", got, number, want)
		}
	}
	for _, b := range o.blocks {
		if len(b) == 0 || len(b) > maxBlock {
			return fmt.Errorf("a block of %d", len(b))
		}
	}
	return nil
}
