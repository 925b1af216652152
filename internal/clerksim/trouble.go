package clerksim

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// trouble makes the faults of the Backend API happen.
type trouble struct {
	now func() time.Time

	mu        sync.Mutex // guards what is below
	faults    Faults
	r         *rand.Rand
	throttled time.Time // until when everything is refused
}

func newTrouble(seed uint64, now func() time.Time) *trouble {
	return &trouble{now: now, r: rand.New(rand.NewPCG(seed, 0x74726f75626c65))}
}

func (t *trouble) set(f Faults) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults, t.throttled = f, time.Time{}
}

func (t *trouble) get() Faults {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults
}

// fate is what becomes of one request.
type fate struct {
	throttled  time.Duration // 0: not
	slow       time.Duration
	status     int // 0: no error
	html       bool
	cut        bool
	spoil      bool     // one object of a page
	garbage    []string // ids
	randomness uint64   // which object, and how
}

func (t *trouble) decide() fate {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, now := t.faults, t.now()
	happens := func(rate float64) bool { return rate > 0 && t.r.Float64() < rate }
	if happens(f.ThrottleRate) && now.After(t.throttled) {
		t.throttled = now.Add(f.Throttle)
	}
	if left := t.throttled.Sub(now); left > 0 {
		return fate{throttled: left}
	}
	out := fate{garbage: f.Garbage, cut: happens(f.CutRate), spoil: happens(f.GarbageRate), html: happens(f.NoJSONRate)}
	if happens(f.SlowRate) {
		out.slow = f.Slow
	}
	if happens(f.ErrorRate) {
		out.status, out.html = one(t.r, []int{500, 502, 503, 504}), t.r.IntN(2) == 0
	}
	out.randomness = t.r.Uint64()
	return out
}

// around lets requests meet their fate.
func (t *trouble) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := t.decide()
		switch {
		case f.throttled > 0:
			throttle(w, f.throttled)
			return
		case f.slow > 0 && !pause(r, f.slow):
			return
		case f.html:
			answerHTML(w, max(f.status, http.StatusOK))
			return
		case f.status != 0:
			answerError(w, apiError{f.status, "internal_clerk_error", "Oops, an unexpected error occurred", nil})
			return
		}
		f.serve(w, r, next)
	})
}

// pause is false where the client went away in the meantime.
func pause(r *http.Request, d time.Duration) bool {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// answerHTML is what a proxy in front of Clerk says, whatever the client accepts.
func answerHTML(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>" + http.StatusText(status) + "</title></head><body></body></html>"))
}
