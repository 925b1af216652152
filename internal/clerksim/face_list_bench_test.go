package clerksim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

// A page costs about the same at any place of a huge world that goes on between the pages.
func BenchmarkPageOfUsers(b *testing.B) {
	for _, users := range []int{10_000, 1_000_000} {
		if users > 100_000 && testing.Short() {
			continue
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := NewClerk(ClerkConfig{World: Config{Users: users, Organizations: users / 200, Memberships: users * 2 / 5, Sparse: true, Changes: 1 << 30}})
		c.Found()
		runtime.GC()
		runtime.ReadMemStats(&after)
		page := pageReader(c)
		page("/v1/users?limit=1&order_by=-updated_at") // from now on the order is kept
		for _, path := range []string{
			fmt.Sprintf("/v1/users?limit=500&order_by=%%2Bcreated_at&offset=%d", users*2/3),
			fmt.Sprintf("/v1/users?limit=500&order_by=-updated_at&offset=%d", users/2),
			fmt.Sprintf("/v1/organization_memberships?limit=500&offset=%d", users/3),
			"/v1/users/" + c.Sketch(1).Users[0].ID,
		} {
			b.Run(fmt.Sprintf("users=%d/%s", users, path[:min(len(path), 40)]), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.Next()
					page(path)
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "worldMB")
			})
		}
		b.Run(fmt.Sprintf("users=%d/next", users), func(b *testing.B) {
			for b.Loop() {
				c.Next()
			}
		})
	}
}

func pageReader(c *Clerk) func(path string) {
	h := c.Handler()
	return func(path string) {
		req := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		req.Header.Set("Authorization", "Bearer "+c.SecretKey())
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		if res.Code != http.StatusOK {
			panic(path + ": " + res.Body.String())
		}
	}
}
