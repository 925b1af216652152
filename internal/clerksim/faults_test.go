package clerksim

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func copyAll(to io.Writer, res *http.Response) (int64, error) { return io.Copy(to, res.Body) }

// put sets faults over HTTP, as somebody does who tests against the simulator.
func (f face) put(t *testing.T, faults string) {
	t.Helper()
	if status, answer := f.callWith(t, "", "PUT", "/sim/faults", faults); status != 200 {
		t.Fatalf("%s: %d %v", faults, status, answer)
	}
}

func TestEachFaultHappensWhenItIsSetAndEndsWithIt(t *testing.T) {
	t.Parallel()
	type reply struct {
		res   *http.Response
		body  string
		err   error
		after time.Duration
	}
	for faults, is := range map[string]func(reply) bool{
		`{"error_rate":1}`: func(r reply) bool {
			html := strings.HasPrefix(r.body, "<!DOCTYPE")
			return slices.Contains([]int{500, 502, 503, 504}, r.res.StatusCode) && (html || strings.Contains(r.body, `"clerk_trace_id"`))
		},
		`{"no_json_rate":1}`: func(r reply) bool {
			return r.res.StatusCode == http.StatusOK && strings.HasPrefix(r.res.Header.Get("Content-Type"), "text/html") && !json.Valid([]byte(r.body))
		},
		`{"cut_rate":1}`:                func(r reply) bool { return r.err != nil },
		`{"slow_rate":1,"slow":"60ms"}`: func(r reply) bool { return r.res.StatusCode == http.StatusOK && r.after >= 60*time.Millisecond },
		`{"throttle_rate":1,"throttle":"3s"}`: func(r reply) bool {
			return r.res.StatusCode == http.StatusTooManyRequests && r.res.Header.Get("Retry-After") == "3"
		},
	} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			f, _ := served(t, ClerkConfig{})
			ask := func() reply {
				began := time.Now()
				res, body, err := f.ask(t, "GET", "/v1/users?limit=5", "")
				return reply{res, body, err, time.Since(began)}
			}
			sound := func(r reply) bool {
				return r.err == nil && r.res.StatusCode == http.StatusOK && json.Valid([]byte(r.body))
			}
			if r := ask(); !sound(r) || is(r) {
				t.Errorf("before: %v %s", r.err, r.body)
			}
			f.put(t, faults)
			for range 5 {
				if r := ask(); !is(r) {
					t.Errorf("%v %s", r.err, r.body)
				}
			}
			if f.status(t, "/v1/jwks") != 200 {
				t.Error("the keys are not spared")
			}
			f.put(t, `{}`)
			if r := ask(); !sound(r) {
				t.Errorf("after: %v %s", r.err, r.body)
			}
		})
	}
}

func TestAStretchOfThrottlingEndsByItself(t *testing.T) {
	t.Parallel()
	f, clock := served(t, ClerkConfig{})
	if err := f.SetFaults(Faults{ThrottleRate: 1, Throttle: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	f.status(t, "/v1/users") // begins one
	f.trouble.faults.ThrottleRate = 0
	if got := f.status(t, "/v1/users"); got != 429 {
		t.Errorf("in the stretch: %d", got)
	}
	clock.pass(5 * time.Second)
	if got := f.status(t, "/v1/users"); got != 200 {
		t.Errorf("behind it: %d", got)
	}
}

func TestGarbageIsTheObjectsThatAreNamedAndNoOther(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	clean, _ := f.page(t, "/v1/users", with("limit", "10"))
	org, _ := f.page(t, "/v1/organizations", with("limit", "10"))
	marked := clean[3]["id"].(string)
	if err := f.SetFaults(Faults{Garbage: []string{marked, org[0]["id"].(string)}}); err != nil {
		t.Fatal(err)
	}
	users, _ := f.page(t, "/v1/users", with("limit", "10"))
	orgs, total := f.page(t, "/v1/organizations", with("limit", "10"))
	if users[3]["id"] != marked || users[3]["object"] != 7.0 || orgs[0]["object"] != 7.0 || total != len(org) {
		t.Errorf("%v, %v of %d", users[3], orgs[0], total)
	}
	for i := range users {
		if i != 3 && users[i]["updated_at"] != clean[i]["updated_at"] {
			t.Errorf("%v is spoiled too", users[i]["id"])
		}
	}
	if _, alone := f.call(t, "GET", "/v1/users/"+marked, ""); alone["object"] != 7.0 || alone["id"] != marked {
		t.Errorf("alone it is %v", alone)
	}
	if _, other := f.call(t, "GET", "/v1/users/"+users[0]["id"].(string), ""); other["object"] != "user" {
		t.Errorf("another one is %v", other)
	}
}

func TestGarbageByChanceIsOneObjectOfAPage(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	raw := func() (list []json.RawMessage) {
		_, body, _ := f.ask(t, "GET", "/v1/users?limit=10", "")
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	clean := raw()
	f.put(t, `{"garbage_rate":1}`)
	places := map[int]bool{}
	for range 20 {
		changed := 0
		for i, o := range raw() {
			if string(o) != string(clean[i]) {
				changed++
				places[i] = true
			}
		}
		if changed != 1 {
			t.Errorf("%d objects of a page are spoiled", changed)
		}
	}
	if len(places) < 3 {
		t.Errorf("always the same ones: %v", places)
	}
}

func TestWrongFaultsAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	f.put(t, `{"slow_rate":0.25,"slow":"1s","garbage":["user_1"]}`)
	for _, wrong := range []string{`{"eror_rate":1}`, `{"error_rate":1.5}`, `{"slow_rate":1}`, `{"slow":"soon"}`, `{"slow":"-1s"}`, `[]`, ``, `{"throttle_rate":1}`} {
		if status, answer := f.callWith(t, "", "PUT", "/sim/faults", wrong); status != 422 || code(t, answer) != "form_param_value_invalid" {
			t.Errorf("%s: %d %v", wrong, status, answer)
		}
	}
	_, got := f.callWith(t, "", "GET", "/sim/faults", "")
	if got["slow_rate"] != 0.25 || got["slow"] != "1s" || got["error_rate"] != 0.0 || got["garbage"].([]any)[0] != "user_1" {
		t.Errorf("%v", got)
	}
}
