package clerkapi

import "time"

// bucket is a token bucket: it fills at a rate, up to its depth.
type bucket struct {
	rate   float64 // tokens a second
	depth  float64
	tokens float64
	at     time.Time // when tokens was true
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.tokens = min(b.depth, b.tokens+passed*b.rate)
	}
	b.at = now
}

// until is how long it takes until there are n tokens. Rounded up to a microsecond, for a timer that fires a rounding error early would be set again and again.
func (b *bucket) until(n float64) time.Duration {
	const almost = 1e-9
	if b.tokens >= n-almost {
		return 0
	}
	if b.rate <= 0 {
		return time.Minute // until SetShare changes it
	}
	seconds := min((n-b.tokens)/b.rate, time.Hour.Seconds())
	return time.Duration(seconds*float64(time.Second)) + time.Microsecond
}

// slots is how finely ring counts.
const slots = 50

// ring counts what happened in the last window, in a bounded number of slots.
type ring struct {
	slot   time.Duration
	began  time.Time
	newest int64 // number of the slot since began
	counts [slots]int
}

func newRing(window time.Duration, now time.Time) ring {
	return ring{slot: max(1, window/slots), began: now}
}

func (r *ring) add(now time.Time, n int) {
	r.turn(now)
	r.counts[r.newest%slots] += n
}

func (r *ring) sum(now time.Time) (n int) {
	r.turn(now)
	for _, c := range r.counts {
		n += c
	}
	return max(0, n)
}

// turn empties the slots that have become old.
func (r *ring) turn(now time.Time) {
	newest := max(r.newest, int64(now.Sub(r.began)/r.slot))
	for range min(newest-r.newest, slots) {
		r.newest++
		r.counts[r.newest%slots] = 0
	}
	if r.newest < newest { // a rest longer than the window: every slot is empty already
		r.newest = newest
	}
}
