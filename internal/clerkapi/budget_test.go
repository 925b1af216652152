package clerkapi

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// grants lets some callers ask for as long as span, and returns when each request went.
func grants(ctx context.Context, b *Budget, callers int, span time.Duration) (at []time.Time) {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var mu sync.Mutex
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for b.take(ctx) == nil {
				mu.Lock()
				at = append(at, time.Now())
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return at
}

func TestBudgetIsKeptInAnyWindowAndUsed(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{10, 100, 1000} {
		synctest.Test(t, func(t *testing.T) {
			const per = 10 * time.Second
			at := grants(t.Context(), NewBudget(limit, per), 8, time.Minute)
			for i := limit; i < len(at); i++ {
				if at[i].Sub(at[i-limit]) < per {
					t.Fatalf("%d requests within %v", limit+1, at[i].Sub(at[i-limit]))
				}
			}
			if used := float64(len(at)) / float64(6*limit); used < 0.9 {
				t.Errorf("%.2f of %d used", used, limit)
			}
		})
	}
}

func TestUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100, 10*time.Second)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				for b.take(ctx) == nil { //nolint:revive // asks until it is stopped
				}
			})
		}
		time.Sleep(30*time.Second + 51*time.Millisecond) //nolint:forbidigo // the bubble's clock; between two grants
		began := time.Now()
		if err := b.take(Urgent(ctx)); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited > time.Millisecond {
			t.Errorf("waited %v behind background calls", waited)
		}
		stop()
		group.Wait()
	})
}

func TestShareLeavesTheRestToUrgentCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1000, 10*time.Second)
		b.SetShare(0.2)
		n := len(grants(t.Context(), b, 4, time.Minute))
		if n < 1080 || n > 1250 {
			t.Errorf("background had %d of 6000", n)
		}
		if n = len(grants(Urgent(t.Context()), b, 4, time.Minute)); n < 5400 {
			t.Errorf("urgent had %d of 6000", n)
		}
	})
}

func TestPauseStopsEverybodyAndGivingUpCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100, 10*time.Second)
		b.pause(5 * time.Second)
		if at := grants(Urgent(t.Context()), b, 3, 4*time.Second); len(at) > 0 {
			t.Errorf("%d went in the pause", len(at))
		}
		if used, limit := b.Stats(); used != 0 || limit != 100 {
			t.Errorf("%d of %d used", used, limit)
		}
		if at := grants(t.Context(), b, 3, 4*time.Second); len(at) == 0 {
			t.Error("nothing went after the pause")
		}
	})
}
