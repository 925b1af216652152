package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A simulator that somebody breaks by hand: its API has a limit, its webhooks are switched off and on, and it stays all the while.
func TestSimThatListensIsBrokenAndMended(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	sim := start(t, "sim", "--listen", "127.0.0.1:0", "--url", e.URL, "--secret", testSecret, "--users", "4", "--organizations", "1", "--changes=-1", "--rate", "0",
		"--duplicates=0", "--late=0", "--compress", "1e6", "--limit", "4", "--faults", `{"garbage":["user_nobody"]}`)
	address := strings.TrimSuffix(sim.line(t, "keys"), "/.well-known/jwks.json")
	secretKey := sim.line(t, "secret key")
	e.await(t, "role.updated", 1) // the grant, which is told last
	ask := func(method, path, body string) (int, map[string]any) {
		t.Helper()
		req, _ := http.NewRequest(method, address+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+secretKey)
		req.Header.Set("Content-Type", "application/json")
		res, err := e.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer map[string]any
		_ = json.NewDecoder(res.Body).Decode(&answer)
		return res.StatusCode, answer
	}
	if _, faults := ask("GET", "/sim/faults", ""); faults["garbage"].([]any)[0] != "user_nobody" {
		t.Errorf("--faults: %v", faults)
	}

	created := e.count("user.created")
	ask("PUT", "/sim/endpoint", `{"off":true}`)
	if status, answer := ask("POST", "/v1/users", `{"email_address":["lost@sim.example"]}`); status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	dropped := func() bool { _, s := ask("GET", "/sim/endpoint", ""); return s["dropped"] == 1.0 }
	awaitThat(t, "the message is dropped", dropped)
	ask("PUT", "/sim/endpoint", `{"off":false}`)
	ask("POST", "/v1/users", `{"email_address":["found@sim.example"]}`)
	e.await(t, "user.created", created+1)

	ask("GET", "/v1/users", "")
	ask("GET", "/v1/users", "")
	if status, _ := ask("GET", "/v1/users", ""); status != http.StatusTooManyRequests {
		t.Errorf("the fifth request: %d", status)
	}
	if _, requests := ask("GET", "/sim/requests", ""); requests["total"] != 5.0 {
		t.Errorf("%v", requests)
	}
	ask("PUT", "/sim/endpoint", `{"url":"http://127.0.0.1:1/"}`)
	if e.count("user.created") != created+1 {
		t.Error("what was dropped came all the same")
	}

	_ = sim.cmd.Process.Signal(os.Interrupt)
	if code := sim.end(t); code != 0 {
		t.Errorf("an interrupt ends it with %d:\n%s", code, sim.printed())
	}
}

func TestSimRefusesFaultsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--faults", `{"eror_rate":1}`}, {"--faults", `{"error_rate":2}`}, {"--faults", `{`}, {"--limit=-1"},
	} {
		out, code := command(t, append([]string{"sim", "--secret", testSecret, "--listen", "127.0.0.1:0"}, args...)...)
		if code != 2 || !strings.Contains(out, args[0][:7]) {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
}

func awaitThat(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
