package clerksim

import (
	"fmt"
	"math/bits"
	"time"
)

// SendReport counts what a Send did. After one that ended by itself, Accepted + GivenUp + Dropped = Messages and
// Accepted + Duplicates + Refused = Deliveries.
type SendReport struct {
	Messages   int // drawn from the history
	Deliveries int // attempts made at the endpoint
	Accepted   int // messages answered 2xx
	Duplicates int // deliveries answered 2xx of messages accepted before
	Retries    int // attempts after the first of a message or duplicate, whether or not they reached the endpoint
	Late       int // messages whose first attempts LateRate lost
	Reordered  int // messages ReorderRate held back
	Unreached  int // attempts lost on the wire or in the outage
	Refused    int // deliveries answered otherwise, or not at all
	GivenUp    int // messages not accepted by any attempt of the schedule
	Dropped    int // messages that were due while the endpoint was off

	// Latency is that of deliveries answered 2xx, to about 3 %: from when the delivery was due if Rate is set, so that an endpoint which
	// holds up the sender is not flattered, else from when it began.
	Latency Latency
	Elapsed time.Duration
}

// Latency are quantiles.
type Latency struct{ P50, P90, P99, Max time.Duration }

func (r SendReport) String() string {
	return fmt.Sprintf("messages=%d accepted=%d given_up=%d dropped=%d deliveries=%d duplicates=%d retries=%d late=%d reordered=%d "+
		"unreached=%d refused=%d p50=%s p99=%s elapsed=%s", r.Messages, r.Accepted, r.GivenUp, r.Dropped, r.Deliveries, r.Duplicates, r.Retries, r.Late, r.Reordered, r.Unreached, r.Refused,
		r.Latency.P50.Round(time.Microsecond), r.Latency.P99.Round(time.Microsecond), r.Elapsed.Round(time.Millisecond))
}

// histogram counts durations in buckets that are 1/32 of their size wide: constant memory for any number of them.
type histogram struct {
	counts [64 * 32]int
	total  int
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
	h.max = max(h.max, d)
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 32 {
		return int(v)
	}
	shift := bits.Len64(v) - 6 // keep the top six bits: a leading one and five that pick the bucket
	return shift*32 + int(v>>shift)
}

// lowest is the smallest duration of a bucket.
func lowest(bucket int) time.Duration {
	if bucket < 64 {
		return time.Duration(bucket)
	}
	shift := bucket/32 - 1
	return time.Duration(uint64(bucket-shift*32) << shift)
}

func (h *histogram) quantile(q float64) time.Duration {
	rank := int(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; n > 0 && rank <= 0 {
			return min(lowest(i+1), h.max)
		}
	}
	return h.max
}

func (h *histogram) latency() Latency {
	return Latency{P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99), Max: h.max}
}
