package clerksim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	svix "github.com/svix/svix-webhooks/go"
)

// judged is what the official library made of all deliveries that came.
type judged struct {
	mu                         sync.Mutex
	arrived, accepted, aliased int
	forged                     int // accepted although the body, the secret or the id is another
	types                      map[string]bool
}

func (j *judged) judge(t *testing.T, right, wrong *svix.Webhook, header http.Header, body []byte) {
	alias, other := http.Header{}, header.Clone()
	for _, name := range []string{"id", "timestamp", "signature"} {
		alias.Set("webhook-"+name, header.Get("svix-"+name))
	}
	other.Set("svix-id", "msg_other")
	var envelope struct{ Type string }
	if err := json.Unmarshal(body, &envelope); err != nil {
		t.Error(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.arrived++
	j.types[envelope.Type] = true
	if err := right.Verify(body, header); err != nil {
		t.Errorf("%s: %v", header.Get("svix-id"), err)
	} else {
		j.accepted++
	}
	if right.Verify(body, alias) == nil {
		j.aliased++
	}
	if wrong.Verify(body, header) == nil || right.Verify(append(body, ' '), header) == nil || right.Verify(body, other) == nil {
		j.forged++
	}
}

// Every attempt counts: first ones, retries of what was refused or late, and repeats, of every type of the catalogue.
func TestTheOfficialSvixLibraryAcceptsEveryDelivery(t *testing.T) {
	t.Parallel()
	right, err := svix.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := svix.NewWebhook("whsec_Y2xlcmtzaW0tdGVzdC1zZWNyZXQtMDAwMg==")
	if err != nil {
		t.Fatal(err)
	}
	j := &judged{types: map[string]bool{}}
	seen := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		j.judge(t, right, wrong, r.Header, body)
		j.mu.Lock()
		defer j.mu.Unlock()
		id := r.Header.Get("svix-id")
		if !seen[id] && len(seen)%10 == 0 { // so that there are retries of what came
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		seen[id] = true
	}))
	t.Cleanup(s.Close)
	c := NewClerk(ClerkConfig{World: Config{OddRate: 0.2, TwinRate: 0.1, TieRate: 0.05}})
	report := send(t, SenderConfig{URL: s.URL, Compress: fast, DuplicateRate: 0.2, ReorderRate: 0.2, LateRate: 0.1}, c.Next)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.arrived != report.Deliveries || j.accepted != j.arrived || j.aliased != j.arrived {
		t.Errorf("the library accepted %d, and %d by the other names, of %d: %s", j.accepted, j.aliased, j.arrived, report)
	}
	if j.forged > 0 {
		t.Errorf("it would have accepted %d forgeries as well: it proves nothing", j.forged)
	}
	if report.Duplicates == 0 || report.Refused == 0 || report.Retries == 0 || report.GivenUp > 0 {
		t.Errorf("faults are missing: %s", report)
	}
	for _, typ := range SampleTypes() {
		if !j.types[typ] {
			t.Errorf("no %s was delivered", typ)
		}
	}
}
