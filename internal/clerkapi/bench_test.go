package clerkapi

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// BenchmarkWalkUsesTheBudget walks users and memberships by full pages at Clerk's limit for production, for some seconds, and reports the share of the budget
// that was used, what the simulator refused, and the objects a second.
func BenchmarkWalkUsesTheBudget(b *testing.B) {
	bed := newBed(b, clerksim.ClerkConfig{Limit: 1000, World: clerksim.Config{
		Seed: 7, Users: 20_000, Organizations: 500, Memberships: 20_000, Sparse: true, Changes: -1,
	}}, NewBudget(1000, 10*time.Second))
	bed.limits.page, bed.limits.overlap = pageSize, overlap
	parts, err := bed.Parts(soon(b), Users, 16)
	if err != nil {
		b.Fatal(err)
	}
	parts = append(parts, Part{Collection: OrganizationMemberships})
	const span = 5 * time.Second
	for b.Loop() {
		before := bed.clerk.Requests()
		ctx, cancel := context.WithTimeout(context.Background(), span)
		began := time.Now()
		var mu sync.Mutex
		var group sync.WaitGroup
		objects := 0
		for _, part := range parts {
			group.Go(func() {
				for ctx.Err() == nil {
					_ = bed.Walk(ctx, part, "", func(_ context.Context, p Page) error {
						mu.Lock()
						defer mu.Unlock()
						objects += len(p.Objects)
						return nil
					})
				}
			})
		}
		group.Wait()
		cancel()
		took, after := time.Since(began).Seconds(), bed.clerk.Requests()
		b.ReportMetric(float64(after.Total-before.Total)/(100*took), "of-budget")
		b.ReportMetric(float64(after.ByStatus[http.StatusTooManyRequests]), "refused")
		b.ReportMetric(float64(objects)/took, "objects/s")
	}
}
