package clerksim

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

func TestPausesFollowSvix(t *testing.T) {
	t.Parallel()
	s := schedule{delays: retryDelays(), compress: 10}
	r := rand.New(rand.NewPCG(1, 1))
	var whole time.Duration
	for i, base := range s.delays {
		base /= 10
		whole += base
		for range 200 {
			pause, more := s.pause(i+1, r, result{status: 500})
			if !more || pause < base*8/10 || pause > base*12/10 {
				t.Fatalf("after attempt %d: %s, want %s within 20 %%", i+1, pause, base)
			}
		}
	}
	if want := 99_305 * time.Second / 10; whole != want {
		t.Errorf("the schedule takes %s, want %s", whole, want)
	}
	if _, more := s.pause(len(s.delays)+1, r, result{}); more {
		t.Error("there is a ninth attempt")
	}
}

func TestRetryAfterIsHonouredWithinBounds(t *testing.T) {
	t.Parallel()
	s := schedule{delays: retryDelays(), compress: 1}
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		out  result
		want time.Duration
	}{
		{result{status: 503, retryAfter: time.Second}, 5 * time.Second},
		{result{status: 503, retryAfter: 7 * time.Second}, 7 * time.Second},
		{result{status: 503, retryAfter: time.Hour}, 10 * time.Second},
		{result{status: 429, retryAfter: time.Second}, time.Minute},
	} {
		if pause, _ := s.pause(1, r, c.out); pause != c.want {
			t.Errorf("status %d, Retry-After %s: pause %s, want %s", c.out.status, c.out.retryAfter, pause, c.want)
		}
	}
	if pause, _ := s.pause(1, r, result{timeout: true}); pause < 48*time.Second {
		t.Errorf("after a timeout: %s, want a minute less jitter", pause)
	}
}

func TestRetryAfterHeaderForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestHistogramIsCloseEnough(t *testing.T) {
	t.Parallel()
	var h histogram
	for i := 1; i <= 10_000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 5 * time.Millisecond, 0.9: 9 * time.Millisecond, 0.99: 9900 * time.Microsecond} {
		if got := h.quantile(q); got < want*97/100 || got > want*104/100 {
			t.Errorf("quantile %v is %s, want about %s", q, got, want)
		}
	}
	if h.max != 10*time.Millisecond {
		t.Errorf("max is %s", h.max)
	}
}
