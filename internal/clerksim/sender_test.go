package clerksim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

const secret = "whsec_Y2xlcmtzaW0tdGVzdC1zZWNyZXQtMDAwMQ=="

// arrival is one delivery as the endpoint saw it.
type arrival struct {
	id     string
	signed int64
	answer int
}

// endpoint is a real HTTP server that verifies every delivery with Svix' own library, and answers what it is told to.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival
	answer   func(id string, nth int) (status int, header map[string]string)
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{}
	webhook, err := svix.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender went away in the middle
		}
		if err := webhook.Verify(body, r.Header); err != nil {
			t.Errorf("a delivery does not verify: %v", err)
		}
		if r.Method != http.MethodPost || r.Header.Get("content-type") != "application/json" {
			t.Errorf("%s with content type %q", r.Method, r.Header.Get("content-type"))
		}
		e.take(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) take(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := arrival{id: r.Header.Get("svix-id"), answer: http.StatusNoContent}
	a.signed, _ = strconv.ParseInt(r.Header.Get("svix-timestamp"), 10, 64)
	nth := 0
	for _, before := range e.arrivals {
		if before.id == a.id {
			nth++
		}
	}
	if e.answer != nil {
		status, header := e.answer(a.id, nth)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		a.answer = status
	}
	e.arrivals = append(e.arrivals, a)
	w.WriteHeader(a.answer)
}

// order is the ids in the order of their first arrival.
func (e *endpoint) order() []string {
	var ids []string
	seen := map[string]bool{}
	for _, a := range e.arrivals {
		if !seen[a.id] {
			seen[a.id] = true
			ids = append(ids, a.id)
		}
	}
	return ids
}

// letters is a history of n small messages.
func letters(n int) func() (Message, bool) {
	i := 0
	return func() (Message, bool) {
		if i == n {
			return Message{}, false
		}
		i++
		return Message{ID: "msg_" + strconv.Itoa(i-1), Type: "user.updated", Body: []byte(`{"n":` + strconv.Itoa(i-1) + `}`), EntityID: "user_1"}, true
	}
}

func position(id string) int {
	n, _ := strconv.Atoi(id[len("msg_"):])
	return n
}

func send(t *testing.T, cfg SenderConfig, next func() (Message, bool)) SendReport {
	t.Helper()
	cfg.Secret = secret
	s, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	report, err := s.Send(ctx, next)
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	if report.Accepted+report.GivenUp+report.Dropped != report.Messages || report.Accepted+report.Duplicates+report.Refused != report.Deliveries {
		t.Errorf("report does not add up: %s", report)
	}
	return report
}

const fast = 1e6 // five seconds become five microseconds

func TestWholeHistoryIsDeliveredAndVerifies(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	w := NewWorld(Config{Seed: 1, Users: 20, Organizations: 5, Changes: 100})
	acked := map[string]bool{}
	report := send(t, SenderConfig{URL: e.URL, Compress: fast, DuplicateRate: 0.1, ReorderRate: 0.1, LateRate: 0.1,
		OnAck: func(m Message, at time.Time) {
			if acked[m.ID] || at.IsZero() {
				t.Errorf("%s acknowledged twice, or at no time", m.ID)
			}
			acked[m.ID] = true
		}}, w.Next)
	if report.Accepted != report.Messages || len(acked) != report.Messages || report.Messages < 100 {
		t.Errorf("%d acknowledged: %s", len(acked), report)
	}
	if report.Duplicates == 0 || report.Reordered == 0 || report.Late == 0 || report.Retries < report.Late {
		t.Errorf("faults are missing: %s", report)
	}
	if report.Latency.P50 <= 0 || report.Latency.P99 < report.Latency.P50 || report.Latency.Max < report.Latency.P99 {
		t.Errorf("latency is not one: %+v", report.Latency)
	}
}

func TestWithoutFaultsOrderIsKept(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Concurrency: 1}, letters(200))
	ids := e.order()
	if !slices.IsSortedFunc(ids, func(a, b string) int { return position(a) - position(b) }) || len(e.arrivals) != 200 {
		t.Errorf("order is not kept: %v", ids)
	}
	if report.Retries+report.Duplicates+report.Unreached+report.Refused != 0 {
		t.Errorf("faults without being asked for: %s", report)
	}
}

func TestFirstAttemptsFollowTheSeed(t *testing.T) {
	t.Parallel()
	order := func(seed uint64) []string {
		e := newEndpoint(t)
		send(t, SenderConfig{URL: e.URL, Concurrency: 1, Compress: fast, Seed: seed, ReorderRate: 0.3, DuplicateRate: 0.3}, letters(300))
		return e.order()
	}
	a, b, other := order(1), order(1), order(2)
	if !slices.Equal(a, b) {
		t.Error("the same seed gives another order")
	}
	if slices.Equal(a, other) {
		t.Error("another seed gives the same order")
	}
	moved := 0
	for i, id := range a {
		behind := i - position(id)
		if behind > 0 {
			moved++
		}
		if behind > 20 {
			t.Errorf("%s comes %d places late, want at most 20", id, behind)
		}
	}
	if moved < 30 {
		t.Errorf("only %d of 300 messages were held back", moved)
	}
}

func TestRefusedMessagesAreRetriedUntilAccepted(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 413, 429, 500, 503, 302} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t)
			e.answer = func(_ string, nth int) (int, map[string]string) {
				if nth < 3 {
					return status, map[string]string{"Location": "/elsewhere", "Retry-After": "1"}
				}
				return 200, nil
			}
			report := send(t, SenderConfig{URL: e.URL, Compress: fast}, letters(10))
			if report.Accepted != 10 || report.Refused != 30 || report.Retries != 30 || len(e.arrivals) != 40 {
				t.Errorf("%d deliveries: %s", len(e.arrivals), report)
			}
		})
	}
}

func TestAfterEightAttemptsAMessageIsGivenUp(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.answer = func(id string, _ int) (int, map[string]string) {
		if id == "msg_3" {
			return 500, nil
		}
		return 204, nil
	}
	report := send(t, SenderConfig{URL: e.URL, Compress: fast}, letters(10))
	if report.GivenUp != 1 || report.Accepted != 9 || report.Refused != 8 {
		t.Errorf("want one given up after 8 attempts: %s", report)
	}
}

func TestEndpointCanAbortAMessage(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.answer = func(string, int) (int, map[string]string) {
		return 500, map[string]string{"webhook-delivery": "abort-message"}
	}
	if report := send(t, SenderConfig{URL: e.URL, Compress: fast}, letters(5)); report.GivenUp != 5 || report.Retries != 0 {
		t.Errorf("want no retry: %s", report)
	}
}

func TestNobodyListeningIsRefused(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.Close()
	if report := send(t, SenderConfig{URL: e.URL, Compress: fast}, letters(3)); report.GivenUp != 3 || report.Refused != 24 {
		t.Errorf("want 8 attempts each: %s", report)
	}
}

func TestDuplicatesComeAfterAcceptanceWithANewTimestamp(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Concurrency: 4, Compress: fast, DuplicateRate: 0.5}, letters(3000))
	first := map[string]int{}
	soon, late := 0, 0
	for i, a := range e.arrivals {
		before, again := first[a.id]
		if !again {
			first[a.id] = i
			continue
		}
		if a.signed <= e.arrivals[before].signed {
			t.Fatalf("duplicate of %s is signed no later than the delivery that was accepted", a.id)
		}
		switch between := i - before; {
		case between < 100:
			soon++
		case between >= 200:
			late++
		}
	}
	if report.Duplicates != len(e.arrivals)-3000 || soon < 300 || late < 300 {
		t.Errorf("%d soon, %d late: %s", soon, late, report)
	}
}

// A duplicate that comes late must come after a deduplication window of two (compressed) hours.
func TestLateDuplicatesOutlastTheWindow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	times := map[string][]time.Time{}
	e := newEndpoint(t)
	e.answer = func(id string, _ int) (int, map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		times[id] = append(times[id], time.Now())
		return 204, nil
	}
	const compress = 36_000 // two hours become 200 ms
	send(t, SenderConfig{URL: e.URL, Compress: compress, DuplicateRate: 1}, letters(400))
	outlasted := 0
	for _, at := range times {
		if len(at) == 2 && at[1].Sub(at[0]) > 2*time.Hour/compress {
			outlasted++
		}
	}
	if outlasted < 100 {
		t.Errorf("only %d of 400 duplicates come after the window", outlasted)
	}
}

func TestLateMessagesArriveBehindManyOthers(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Concurrency: 1, Compress: fast, LateRate: 0.05}, letters(4000))
	behind := 0
	for i, id := range e.order() {
		if i-position(id) >= 40 && position(id) < 2900 {
			behind++
		}
	}
	if report.Late < 100 || report.Unreached < report.Late || report.Accepted != 4000 {
		t.Fatalf("late messages are missing: %s", report)
	}
	if behind < report.Late/2 {
		t.Errorf("%d of %d late messages came behind 40 others", behind, report.Late)
	}
}

func TestOutageLosesNothingAndReachesNobody(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Concurrency: 1, Compress: 1e5, Outage: &Outage{From: 100, To: 300}}, letters(500))
	if report.Accepted != 500 || report.Unreached < 200 {
		t.Errorf("want every message in the end, 200 first attempts lost: %s", report)
	}
	ids := e.order()
	for i, id := range ids[:100] {
		if position(id) != i {
			t.Fatalf("%s arrives as number %d, before the outage", id, i)
		}
	}
	if ids[100] != "msg_300" {
		t.Errorf("%s arrives first after the outage, want the message that ends it", ids[100])
	}
}

func TestOutageToTheEndIsOverWhenHistoryIs(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Compress: 1e5, Outage: &Outage{From: 10, To: 1000}}, letters(50))
	if report.Accepted != 50 || report.Unreached < 40 {
		t.Errorf("want all accepted after 40 lost attempts or more: %s", report)
	}
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	report := send(t, SenderConfig{URL: e.URL, Rate: 500}, letters(150))
	if least := 149 * time.Second / 500; report.Elapsed < least {
		t.Errorf("150 messages at 500/s took %s, want %s or more", report.Elapsed, least)
	}
}

// A slow endpoint must show in the latency of an open loop although fewer requests are made.
func TestLatencyOfAnOpenLoopCountsTheWaiting(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.answer = func(string, int) (int, map[string]string) {
		time.Sleep(5 * time.Millisecond) // the endpoint's own slowness, which is the subject
		return 204, nil
	}
	report := send(t, SenderConfig{URL: e.URL, Rate: 2000, Concurrency: 1}, letters(60))
	if report.Latency.Max < 100*time.Millisecond {
		t.Errorf("the last of 60 requests of 5 ms waited, yet the longest latency is %s", report.Latency.Max)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	e.answer = func(string, int) (int, map[string]string) { return 503, nil }
	s, err := NewSender(SenderConfig{URL: e.URL, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	report, err := s.Send(ctx, letters(50))
	if !errors.Is(err, context.DeadlineExceeded) || report.Accepted != 0 || report.Refused == 0 {
		t.Errorf("got %v: %s", err, report)
	}
}

func TestProgressIsToldAtTheEnd(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	var last SendReport
	report := send(t, SenderConfig{URL: e.URL, Progress: func(r SendReport) { last = r }}, letters(20))
	if last != report {
		t.Errorf("last progress %s, report %s", last, report)
	}
}

func TestWrongSenderConfigIsRefusedWhole(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]SenderConfig{
		"no url":       {Secret: secret},
		"no secret":    {URL: "http://127.0.0.1:1"},
		"empty secret": {URL: "http://127.0.0.1:1", Secret: "whsec_"},
		"bad secret":   {URL: "http://127.0.0.1:1", Secret: "whsec_?"},
		"rate":         {URL: "http://127.0.0.1:1", Secret: secret, LateRate: 2},
		"outage":       {URL: "http://127.0.0.1:1", Secret: secret, Outage: &Outage{From: 5, To: 1}},
		"negative":     {URL: "http://127.0.0.1:1", Secret: secret, Concurrency: -1},
	} {
		if _, err := NewSender(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSignIsWhatSvixVerifies(t *testing.T) {
	t.Parallel()
	m, _ := Sample("user.created")
	header, err := Sign(secret, m.ID, time.Now(), m.Body)
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := svix.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := webhook.Verify(m.Body, header); err != nil {
		t.Error(err)
	}
	if err := webhook.Verify(append(m.Body, ' '), header); err == nil {
		t.Error("a changed body verifies")
	}
	if _, err := Sign("", m.ID, time.Now(), m.Body); err == nil {
		t.Error("signed under an empty secret")
	}
}
