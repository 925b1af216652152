package clerksim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// face is a Clerk behind a real HTTP server.
type face struct {
	*Clerk
	*httptest.Server
}

func newFace(t *testing.T) face {
	c := founded(t, ClerkConfig{World: Config{Users: 8, Organizations: 2, Changes: 50}})
	s := httptest.NewServer(c.Handler())
	t.Cleanup(s.Close)
	return face{c, s}
}

// call makes a request with the secret key and decodes the answer.
func (f face) call(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	return f.callWith(t, "Bearer "+f.SecretKey(), method, path, body)
}

func (f face) callWith(t *testing.T, authorization, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	res, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	return res.StatusCode, out
}

// code is that of the first error, after checking the shape around it.
func code(t *testing.T, answer map[string]any) string {
	t.Helper()
	list, _ := answer["errors"].([]any)
	if len(list) != 1 || answer["clerk_trace_id"] == "" {
		t.Fatalf("not Clerk's form of an error: %v", answer)
	}
	e := list[0].(map[string]any)
	for _, field := range []string{"message", "long_message", "meta"} {
		if e[field] == nil {
			t.Errorf("no %s in %v", field, e)
		}
	}
	return e["code"].(string)
}

func TestBackendAPIChangesWhatItSays(t *testing.T) {
	t.Parallel()
	f := newFace(t)
	org, user, session := member(t, f.Clerk)
	status, created := f.call(t, "POST", "/v1/users", `{"email_address":["new@directed.example"]}`)
	if status != 200 || created["object"] != "user" || f.Truth().Rows["users"][created["id"].(string)] == nil {
		t.Fatalf("%d: %v", status, created)
	}
	newcomer := created["id"].(string)
	for _, step := range []struct {
		method, path, body string
		object             string
		holds              func() bool
	}{
		{"POST", "/v1/organizations/" + org + "/memberships", fmt.Sprintf(`{"user_id":%q,"role":"org:member"}`, newcomer), "organization_membership", func() bool {
			return f.Sketch(100).org(org).Members[newcomer] == "org:member"
		}},
		{"PATCH", "/v1/organizations/" + org + "/memberships/" + user, `{"role":"org:member"}`, "organization_membership", func() bool {
			return f.Sketch(100).org(org).Members[user] == "org:member"
		}},
		{"POST", "/v1/users/" + user + "/lock", "", "user", func() bool { return f.Truth().Rows["users"][user]["locked"] == true }},
		{"POST", "/v1/users/" + user + "/unlock", "", "user", func() bool { return f.Truth().Rows["users"][user]["locked"] == false }},
		{"POST", "/v1/sessions/" + session + "/revoke", "", "session", func() bool { return f.Truth().Rows["sessions"][session]["status"] == "revoked" }},
		{"POST", "/v1/users/" + user + "/ban", "", "user", func() bool { return f.Truth().Rows["users"][user]["banned"] == true }},
		{"POST", "/v1/users/" + user + "/unban", "", "user", func() bool { return f.Truth().Rows["users"][user]["banned"] == false }},
		{"DELETE", "/v1/organizations/" + org + "/memberships/" + user, "", "organization_membership", func() bool { return f.Sketch(100).org(org).Members[user] == "" }},
		{"DELETE", "/v1/users/" + user, "", "user", func() bool { return f.Truth().Rows["users"][user] == nil }},
		{"DELETE", "/v1/organizations/" + org, "", "organization", func() bool { return f.Truth().Rows["organizations"][org] == nil }},
	} {
		status, answer := f.call(t, step.method, step.path, step.body)
		if status != http.StatusOK || answer["object"] != step.object {
			t.Errorf("%s %s: %d %v", step.method, step.path, status, answer)
		}
		if !step.holds() {
			t.Errorf("%s %s changed nothing", step.method, step.path)
		}
	}
	if told := heard(t, f.Clerk); len(told) < 8 {
		t.Errorf("only %d messages", len(told))
	}
}

func (s Sketch) org(id string) SketchedOrg {
	for _, o := range s.Organizations {
		if o.ID == id {
			return o
		}
	}
	return SketchedOrg{}
}

func TestBackendAPISpeaksClerksErrors(t *testing.T) {
	t.Parallel()
	f := newFace(t)
	org, user, session := member(t, f.Clerk)
	memberships := "/v1/organizations/" + org + "/memberships"
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/v1/users/user_nobody/ban", "", 404, "resource_not_found"},
		{"DELETE", "/v1/users/user_nobody", "", 404, "resource_not_found"},
		{"GET", "/v1/nothing", "", 404, "resource_not_found"},
		{"GET", "/nothing", "", 404, "resource_not_found"},
		{"POST", "/v1/sessions/sess_none/revoke", "", 404, "resource_not_found"},
		{"POST", "/v1/sessions/sess_none/tokens", "", 404, "resource_not_found"},
		{"PATCH", memberships + "/" + user, `{"role":"org:nothing"}`, 404, "resource_not_found"},
		{"PATCH", memberships + "/" + user, `{}`, 422, "form_param_missing"},
		{"POST", memberships, `{"user_id":"x"}`, 422, "form_param_missing"},
		{"POST", memberships, fmt.Sprintf(`{"user_id":%q,"role":"org:member"}`, user), 422, "already_a_member_in_organization"},
		{"POST", "/v1/users", `{"email_address":["Member@Directed.example"]}`, 422, "form_identifier_exists"},
		{"POST", "/v1/users", `{}`, 422, "form_param_missing"},
		{"POST", "/v1/users", `{`, 400, "request_body_invalid"},
		{"POST", "/v1/users", `{"x":"` + strings.Repeat("x", maxRequest) + `"}`, 400, "request_body_invalid"},
		{"POST", "/sim/tokens", `{"user":"user_nobody"}`, 422, "token_refused"},
		{"POST", "/sim/tokens", `{"wrong":"nothing"}`, 404, "resource_not_found"},
	} {
		if status, answer := f.call(t, c.method, c.path, c.body); status != c.status || code(t, answer) != c.code {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, code(t, answer), c.status, c.code)
		}
	}
	for authorization, want := range map[string]string{"": "authorization_header_format_invalid", "Bearer sk_test_other": "clerk_key_invalid"} {
		if status, answer := f.callWith(t, authorization, "POST", "/v1/sessions/"+session+"/revoke", ""); status != 401 || code(t, answer) != want {
			t.Errorf("%q: %d %v", authorization, status, answer)
		}
	}
	if f.Truth().Rows["sessions"][session]["status"] != "active" {
		t.Error("revoked without the secret key")
	}
}

func TestTokensOverHTTP(t *testing.T) {
	t.Parallel()
	f := newFace(t)
	org, user, session := member(t, f.Clerk)
	_, answer := f.callWith(t, "", "POST", "/sim/tokens", fmt.Sprintf(`{"user":%q,"org":%q,"client":"expo","version":1,"lifetime_seconds":5}`, user, org))
	got := claims(t, f.Clerk, answer["jwt"].(string))
	if got["org_id"] != org || got["azp"] != nil || got["exp"].(float64)-got["iat"].(float64) != 5 {
		t.Errorf("%v", got)
	}
	_, answer = f.call(t, "POST", "/v1/sessions/"+session+"/tokens", `{"expires_in_seconds":30}`)
	if got := claims(t, f.Clerk, answer["jwt"].(string)); got["sid"] != session || answer["object"] != "token" || got["exp"].(float64)-got["iat"].(float64) != 30 {
		t.Errorf("%v: %v", answer, got)
	}
	_, answer = f.callWith(t, "", "POST", "/sim/tokens", `{"wrong":"alg-none"}`)
	if !strings.HasSuffix(answer["jwt"].(string), ".") {
		t.Errorf("%v", answer)
	}
	if status, keys := f.callWith(t, "", "GET", "/.well-known/jwks.json", ""); status != 200 || len(keys["keys"].([]any)) != 1 {
		t.Errorf("%d %v", status, keys)
	}
	_, world := f.callWith(t, "", "GET", "/sim/world?limit=3", "")
	if len(world["users"].([]any)) != 3 || world["issuer"] != f.Issuer() {
		t.Errorf("%v", world)
	}
}

func TestTheFaceIsSafeForMany(t *testing.T) {
	t.Parallel()
	f := newFace(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
			f.Next()
			f.Continue(1)
		}
	}()
	for range 30 {
		f.callWith(t, "", "POST", "/sim/tokens", `{"org":"any"}`)
		f.callWith(t, "", "GET", "/sim/world", "")
	}
	<-done
}
