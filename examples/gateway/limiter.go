package main

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/clerkstream/clerkstream/auth"
)

// maxBuckets bounds the memory of a limiter to about 20 MB. Only who has signed in gets a bucket.
const maxBuckets = 100_000

// limiter lets each user make so many requests a second. Each replica of the gateway counts for itself.
type limiter struct {
	rate  rate.Limit
	burst int
	max   int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	swept   time.Time
}

func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: burst, max: maxBuckets, now: time.Now, buckets: map[string]*rate.Limiter{}}
}

// limit answers 429 to a user who is too quick. It stands behind auth.Require.
func (l *limiter) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := auth.From(r.Context())
		if !ok {
			auth.WriteProblem(w, r, auth.Refuse(auth.CodeTokenMissing, nil))
			return
		}
		if wait := l.take(id.User); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			auth.WriteProblem(w, r, &auth.Error{Code: "rate_limited", Status: http.StatusTooManyRequests})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// take takes one request out of a user's bucket, or says how long until there is one.
func (l *limiter) take(user string) (wait time.Duration) {
	now := l.now()
	bucket := l.bucket(user, now)
	if bucket.AllowN(now, 1) {
		return 0
	}
	wait = time.Duration((1 - bucket.TokensAt(now)) / float64(l.rate) * float64(time.Second))
	// Not 0, which is no wait: a split second rounds to it, and at a rate of nothing, for ever does not fit a Duration.
	return max(wait, 1)
}

func (l *limiter) bucket(user string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[user]
	if !ok {
		l.sweep(now)
		b = rate.NewLimiter(l.rate, l.burst)
		l.buckets[user] = b
	}
	return b
}

// sweep makes room for one more. A bucket that is full again says nothing that a new one would not; where all are in use one user gets a
// new bucket too early, which is better than a user who gets none.
func (l *limiter) sweep(now time.Time) {
	if len(l.buckets) < l.max {
		return
	}
	// At most each second: the walk is over all of them.
	if now.Sub(l.swept) >= time.Second {
		l.swept = now
		for user, b := range l.buckets {
			if b.TokensAt(now) >= float64(l.burst) {
				delete(l.buckets, user)
			}
		}
	}
	for user := range l.buckets {
		if len(l.buckets) < l.max {
			return
		}
		delete(l.buckets, user)
	}
}
