package clerksim

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// attemptTimeout is how long Svix waits for an answer (docs.svix.com/retries).
const attemptTimeout = 15 * time.Second

// slowDown is the least Svix waits after a timeout or a 429 (its open source server).
const slowDown = time.Minute

// retryDelays are the pauses before the second to eighth attempt, 27 h 35 min in all (docs.svix.com/retries).
func retryDelays() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
}

// schedule is Svix' retry schedule with every pause divided by compress.
type schedule struct {
	delays   []time.Duration
	compress float64
}

// pause is how long to wait after the given number of attempts, and false when there is no further one. Jitter is ±20 %. What the endpoint
// asks for by Retry-After is honoured between once and twice the schedule's own pause.
func (s schedule) pause(attempts int, r *rand.Rand, out result) (time.Duration, bool) {
	if attempts > len(s.delays) {
		return 0, false
	}
	base := s.delays[attempts-1]
	if out.timeout || out.status == http.StatusTooManyRequests {
		base = max(base, slowDown)
	}
	base = s.shorten(base)
	pause := time.Duration(float64(base) * (0.8 + 0.4*r.Float64()))
	if out.retryAfter > 0 {
		pause = min(max(out.retryAfter, base), 2*base)
	}
	return pause, true
}

func (s schedule) shorten(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.compress)
}

// retryAfter reads the header's two forms, seconds and a date (RFC 9110 §10.2.3); 0 if there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(v); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(v); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
