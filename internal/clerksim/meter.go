package clerksim

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limitSpan is the time over which Clerk counts requests (clerk.com/docs/guides/how-clerk-works/system-limits).
const limitSpan = 10 * time.Second

// changesPerObject is how many PATCHes one object takes in limitSpan.
const changesPerObject = 10

// maxPaths bounds the paths that are counted one by one; a test that asks for more objects than this counts totals.
const maxPaths = 100_000

// Requests is what the Backend API was asked, whatever became of it: also what was refused by the limit, or spoiled by a fault.
type Requests struct {
	Total int `json:"total"`
	// ByStatus is how they were answered. An answer that was cut off counts as what it began as, and one whose client went away as 499.
	ByStatus map[int]int `json:"by_status"`
	// ByPath counts method and path without its query, for example "GET /v1/users/user_1". Beyond 100 000 paths the rest is "other".
	ByPath map[string]int `json:"by_path"`
}

// Requests are the requests to /v1/ so far, but for those without the secret key.
func (c *Clerk) Requests() Requests { return c.meter.requests() }

// meter counts requests, and refuses those over the limit.
type meter struct {
	now   func() time.Time
	limit int // per limitSpan; 0: none

	mu      sync.Mutex // guards what is below
	all     *window
	objects map[string]*window // changes by object
	counted Requests
}

func newMeter(limit int, now func() time.Time) *meter {
	return &meter{
		now: now, limit: limit, all: newWindow(max(0, limit)), objects: map[string]*window{},
		counted: Requests{ByStatus: map[int]int{}, ByPath: map[string]int{}},
	}
}

func (m *meter) requests() Requests {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Requests{m.counted.Total, maps.Clone(m.counted.ByStatus), maps.Clone(m.counted.ByPath)}
}

// around counts requests and keeps them within the limit.
func (m *meter) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &seenAnswer{ResponseWriter: w, status: 499} // nginx' number for a client that went away
		defer func() { m.count(r.Method+" "+r.URL.Path, seen.status) }()
		if wait := m.admit(); wait > 0 {
			throttle(seen, wait)
			return
		}
		next.ServeHTTP(seen, r)
	})
}

// admit returns how long to wait, 0 for a request that may pass.
func (m *meter) admit() time.Duration {
	if m.limit <= 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all.take(m.now())
}

// admitChange is admit for changes of one object.
func (m *meter) admitChange(id string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	maps.DeleteFunc(m.objects, func(_ string, w *window) bool { return w.idle(now) })
	if m.objects[id] == nil {
		m.objects[id] = newWindow(changesPerObject)
	}
	return m.objects[id].take(now)
}

func (m *meter) count(path string, status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.counted.ByPath[path]; !known && len(m.counted.ByPath) >= maxPaths {
		path = "other"
	}
	m.counted.Total++
	m.counted.ByStatus[status]++
	m.counted.ByPath[path]++
}

// window lets so many through in any limitSpan, which is stricter than any counting by fixed stretches: who keeps within it keeps within Clerk's, for
// Clerk does not say how it counts.
type window struct {
	passed []time.Time // a ring of the newest
	next   int         // the oldest of them
}

func newWindow(limit int) *window { return &window{passed: make([]time.Time, limit)} }

func (w *window) take(now time.Time) time.Duration {
	if oldest := w.passed[w.next]; !oldest.IsZero() {
		if wait := oldest.Add(limitSpan).Sub(now); wait > 0 {
			return wait
		}
	}
	w.passed[w.next] = now
	w.next = (w.next + 1) % len(w.passed)
	return 0
}

// idle is true when nothing that has passed counts any more.
func (w *window) idle(now time.Time) bool {
	newest := w.passed[(w.next+len(w.passed)-1)%len(w.passed)]
	return now.Sub(newest) >= limitSpan
}

// throttle refuses. Retry-After is in whole seconds, so it rounds up.
func throttle(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	answerError(w, apiError{http.StatusTooManyRequests, "too_many_requests", "Too many requests. Please try again in a bit.", nil})
}

// seenAnswer remembers the status.
type seenAnswer struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (s *seenAnswer) WriteHeader(status int) {
	if !s.begun {
		s.begun, s.status = true, status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seenAnswer) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun, s.status = true, http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// metered is what stands before the Backend API: the limit, and then the faults. The keys document has neither, as at Clerk.
func (c *Clerk) metered(next http.Handler) http.Handler {
	through := c.meter.around(c.trouble.around(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/jwks" {
			next.ServeHTTP(w, r)
			return
		}
		through.ServeHTTP(w, r)
	})
}
