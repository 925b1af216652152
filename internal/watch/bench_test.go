package watch

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// BenchmarkHydrate measures what a missing user's first request takes, beside the mere call to the Backend API in the same run.
//
//	go test ./internal/watch -run '^$' -bench Hydrate
func BenchmarkHydrate(b *testing.B) {
	bed := newBed(b, clerksim.ClerkConfig{})
	bed.working(bed.watch(func(c *Config) { c.Budget = 1_000_000 }))
	client := bed.client(bed.pool())
	var whole, calls []time.Duration
	n := 0
	for b.Loop() {
		n++
		id, err := bed.clerk.SignUp(fmt.Sprintf("person%d@bench.example", n))
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		call(b, bed, id)
		called := time.Now()
		if err := client.Missing(b.Context(), directory.KindUsers, id); err != nil {
			b.Fatal(err)
		}
		whole, calls = append(whole, time.Since(called)), append(calls, called.Sub(began))
	}
	slices.Sort(whole)
	slices.Sort(calls)
	added := func(q float64) float64 {
		at := int(q * float64(len(whole)-1))
		return float64((whole[at] - calls[at]).Microseconds()) / 1000
	}
	b.ReportMetric(float64(calls[len(calls)/2].Microseconds())/1000, "call-ms")
	b.ReportMetric(added(0.5), "added-p50-ms")
	b.ReportMetric(added(0.99), "added-p99-ms")
}

// call is one API round trip.
func call(b *testing.B, bed *bed, id string) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, bed.api+"/v1/users/"+id, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+bed.clerk.SecretKey())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
		b.Fatal(answer.Status, err)
	}
}
