package clerksim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// handClock goes when it is told to.
type handClock struct{ ms atomic.Int64 }

func newHandClock() *handClock {
	c := &handClock{}
	c.ms.Store(time.Now().UnixMilli())
	return c
}

func (c *handClock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *handClock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// served is an instance behind a real HTTP server, whose clock is moved by hand.
func served(t *testing.T, cfg ClerkConfig) (face, *handClock) {
	clock := newHandClock()
	cfg.Now = clock.now
	cfg.World = Config{Users: 20, Organizations: 3, Changes: 100}
	c := founded(t, cfg)
	s := httptest.NewServer(c.Handler())
	t.Cleanup(s.Close)
	return face{c, s}, clock
}

// ask is one request; the body is drained, and an answer cut off is an error.
func (f face) ask(t *testing.T, method, path, body string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.SecretKey())
	req.Header.Set("Content-Type", "application/json")
	res, err := f.Client().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	var b strings.Builder
	_, err = copyAll(&b, res)
	return res, b.String(), err
}

func (f face) status(t *testing.T, path string) int {
	t.Helper()
	res, _, err := f.ask(t, "GET", path, "")
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

func TestTheLimitHoldsInAnyTenSeconds(t *testing.T) {
	t.Parallel()
	f, clock := served(t, ClerkConfig{Limit: 3})
	const path = "/v1/users/count"
	ok := func(want int, why string) {
		t.Helper()
		if got := f.status(t, path); got != want {
			t.Errorf("%s: %d, want %d", why, got, want)
		}
	}
	ok(200, "first")
	clock.pass(4 * time.Second)
	ok(200, "second")
	ok(200, "third")
	res, body, _ := f.ask(t, "GET", path, "")
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "6" || !strings.Contains(body, `"too_many_requests"`) || !strings.Contains(body, "clerk_trace_id") {
		t.Errorf("over the limit: %d, Retry-After %q, %s", res.StatusCode, res.Header.Get("Retry-After"), body)
	}
	if got := f.status(t, "/v1/jwks"); got != 200 {
		t.Errorf("keys are limited: %d", got)
	}
	clock.pass(6*time.Second - time.Millisecond)
	ok(429, "a millisecond early")
	clock.pass(time.Millisecond)
	ok(200, "when the first has left the ten seconds")
	ok(429, "while the second and third are in them")
}

func TestWithoutALimitNothingIsRefused(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	for range 200 {
		if got := f.status(t, "/v1/users/count"); got != 200 {
			t.Fatal(got)
		}
	}
}

func TestRequestsAreCountedByPathAndAnswer(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{Limit: 3})
	for _, path := range []string{"/v1/users?limit=1", "/v1/users?limit=2", "/v1/users/user_nobody", "/v1/users", "/v1/jwks"} {
		f.status(t, path)
	}
	f.callWith(t, "Bearer sk_test_wrong", "GET", "/v1/users", "")
	got := f.Requests()
	if got.Total != 4 || got.ByPath["GET /v1/users"] != 3 || got.ByPath["GET /v1/users/user_nobody"] != 1 ||
		got.ByStatus[200] != 2 || got.ByStatus[404] != 1 || got.ByStatus[429] != 1 {
		t.Errorf("%+v", got)
	}
	_, answer := f.call(t, "GET", "/sim/requests", "")
	if answer["total"] != 4.0 || answer["by_path"].(map[string]any)["GET /v1/users"] != 3.0 {
		t.Errorf("%v", answer)
	}
}
