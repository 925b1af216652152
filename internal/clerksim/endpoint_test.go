package clerksim

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// receiver answers 204 to what Svix' own library verifies by secret, and 401 to the rest.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	verified map[string]time.Time // svix-id to when it was signed
	refused  int
}

func newReceiver(t *testing.T, secret string) *receiver {
	r := &receiver{verified: map[string]time.Time{}}
	webhook, err := svix.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if req.URL.Path != "/hook" || webhook.VerifyIgnoringTimestamp(body, req.Header) != nil {
			r.refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var at int64
		for _, digit := range req.Header.Get("svix-timestamp") {
			at = at*10 + int64(digit-'0')
		}
		r.verified[req.Header.Get("svix-id")] = time.Unix(at, 0)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) count() (verified, refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.verified), r.refused
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// posted is a Clerk whose directed changes are delivered to wherever its endpoint is, with retries after 5 s / compress and so on.
func posted(t *testing.T, r *receiver, compress float64) *Clerk {
	c := founded(t, ClerkConfig{World: Config{Users: 3, Organizations: 1}})
	if err := c.SetEndpoint(Endpoint{URL: r.URL + "/hook", Secret: secret}); err != nil {
		t.Fatal(err)
	}
	s, err := NewSender(SenderConfig{Endpoint: c.Endpoint, More: c.Directed(), Compress: compress})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() { _, _ = s.Send(ctx, c.NextDirected) })
	t.Cleanup(func() {
		cancel()
		sending.Wait()
	})
	return c
}

func reroute(t *testing.T, c *Clerk, change EndpointChange) {
	t.Helper()
	if err := c.changeEndpoint(change); err != nil {
		t.Fatal(err)
	}
}

func join(t *testing.T, c *Clerk) {
	t.Helper()
	must(c.CreateUser())(t)
}

func TestAnEndpointThatIsOffLosesForGoodAndCounts(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := posted(t, r, fast)
	reroute(t, c, EndpointChange{Off: new(true)})
	join(t, c)
	join(t, c)
	eventually(t, "both are dropped", func() bool { return c.EndpointStatus().Dropped == 2 })
	reroute(t, c, EndpointChange{Off: new(false)})
	join(t, c)
	eventually(t, "the third arrives", func() bool { n, _ := r.count(); return n == 1 })
	if n, refused := r.count(); n != 1 || refused != 0 || c.EndpointStatus().Dropped != 2 {
		t.Errorf("%d arrived, %d refused, %+v", n, refused, c.EndpointStatus())
	}
}

func TestRetriesFollowTheEndpoint(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]EndpointChange{
		"secret": {Secret: new("whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA==")},
		"route":  {URL: new("/elsewhere")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, secret)
			c := posted(t, r, 300) // 17 ms, 1 s, 6 s
			if broken.URL != nil {
				broken.URL = new(r.URL + *broken.URL)
			}
			reroute(t, c, broken)
			join(t, c)
			eventually(t, "it is refused", func() bool { _, refused := r.count(); return refused > 0 })
			if n, _ := r.count(); n != 0 {
				t.Error("it is taken all the same")
			}
			reroute(t, c, EndpointChange{Secret: new(secret), URL: new(r.URL + "/hook")})
			eventually(t, "a retry arrives", func() bool { n, _ := r.count(); return n == 1 })
		})
	}
}

func TestWhatIsRefusedThroughoutIsGivenUpAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA==")
	c := posted(t, r, fast)
	join(t, c)
	eventually(t, "it is given up", func() bool { return c.EndpointStatus().GivenUp == 1 })
	if _, refused := r.count(); refused != len(retryDelays())+1 {
		t.Errorf("%d attempts", refused)
	}
	join(t, c)
	eventually(t, "so is the next", func() bool { return c.EndpointStatus().GivenUp == 2 })
}

// Retries are five seconds away and more: what is new does not wait for them.
func TestMoreIsSentBesideWhatWaitsForARetry(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := posted(t, r, 1)
	good := c.Endpoint()
	reroute(t, c, EndpointChange{URL: new(r.URL + "/elsewhere")})
	join(t, c)
	eventually(t, "the first is refused", func() bool { _, refused := r.count(); return refused == 1 })
	reroute(t, c, EndpointChange{URL: &good.URL})
	join(t, c)
	eventually(t, "the second arrives", func() bool { n, _ := r.count(); return n > 0 })
}

func TestTheClockOfSignaturesIsTheEndpoints(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := posted(t, r, fast)
	reroute(t, c, EndpointChange{ClockOffset: new("-10m")})
	before := time.Now()
	join(t, c)
	eventually(t, "it arrives", func() bool { n, _ := r.count(); return n == 1 })
	for _, at := range r.verified {
		if off := at.Sub(before); off > -9*time.Minute || off < -11*time.Minute {
			t.Errorf("signed %s off", off)
		}
	}
}

func TestTheManagementAPIChangesWhatItNames(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	if err := f.SetEndpoint(Endpoint{URL: "http://127.0.0.1:1/hook", Secret: secret}); err != nil {
		t.Fatal(err)
	}
	put := func(body string) (int, map[string]any) { return f.callWith(t, "", "PUT", "/sim/endpoint", body) }
	if status, got := put(`{"off":true,"clock_offset":"10m"}`); status != 200 || got["off"] != true || got["clock_offset"] != "10m0s" || got["url"] != "http://127.0.0.1:1/hook" {
		t.Errorf("%d %v", status, got)
	}
	if status, got := put(`{"url":"http://127.0.0.1:2/"}`); status != 200 || got["off"] != true {
		t.Errorf("%d %v", status, got)
	}
	for _, wrong := range []string{`{"url":"nowhere"}`, `{"secret":""}`, `{"secret":"whsec_?"}`, `{"clock_offset":"soon"}`, `{"of":true}`, ``} {
		if status, answer := put(wrong); status != 422 || code(t, answer) != "form_param_value_invalid" {
			t.Errorf("%s: %d %v", wrong, status, answer)
		}
	}
	_, body, _ := f.ask(t, "GET", "/sim/endpoint", "")
	if strings.Contains(body, "secret") || strings.Contains(body, secret) || !strings.Contains(body, `"url":"http://127.0.0.1:2/"`) {
		t.Error(body)
	}
	if e := f.Endpoint(); e.Secret != secret || e.ClockOffset != 10*time.Minute || !e.Off {
		t.Errorf("%+v", e)
	}
}

func TestASenderStaysOnlyWhereThereMayBeMore(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	if report := send(t, SenderConfig{URL: e.URL}, letters(3)); report.Accepted != 3 {
		t.Error(report)
	}
	var off atomic.Int64
	report := send(t, SenderConfig{Endpoint: func() Endpoint {
		return Endpoint{URL: e.URL, Secret: secret, Off: off.Add(1)%2 == 0}
	}, Concurrency: 1}, letters(4))
	if report.Accepted != 2 || report.Dropped != 2 || report.Deliveries != 2 {
		t.Error(report)
	}
	s, err := NewSender(SenderConfig{URL: e.URL, Secret: secret, More: make(chan struct{})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Send(ctx, letters(3))
		ended <- err
	}()
	eventually(t, "all arrive", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.arrivals) == 8 })
	select {
	case err := <-ended:
		t.Errorf("ended: %v", err)
	default:
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a sender that stays ends without an error")
	}
}
