package clerksim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestMetadataIsMergedAndTold(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	_, user, _ := member(t, f.Clerk)
	path := "/v1/users/" + user + "/metadata"
	for _, step := range []struct{ body, public string }{
		{`{"public_metadata":{"plan":{"name":"pro","seats":5},"n":12345678901234567890}}`, `{"n":12345678901234567890,"plan":{"name":"pro","seats":5}}`},
		{`{"public_metadata":{"plan":{"seats":6,"trial":null},"canary":"a"}}`, `{"canary":"a","n":12345678901234567890,"plan":{"name":"pro","seats":6}}`},
		{`{"public_metadata":{"plan":null,"canary":[1]},"unsafe_metadata":{"x":true}}`, `{"canary":[1],"n":12345678901234567890}`},
		{`{"private_metadata":{"secret":1}}`, `{"canary":[1],"n":12345678901234567890}`},
		{`{"public_metadata":{"canary":null,"n":null}}`, `{}`},
	} {
		res, body, _ := f.ask(t, "PATCH", path, step.body)
		var answer struct {
			Public json.RawMessage `json:"public_metadata"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK || string(answer.Public) != step.public {
			t.Errorf("%s: %d %s %v", step.body, res.StatusCode, answer.Public, err)
		}
		m, ok := f.NextDirected()
		if !ok || m.Type != "user.updated" || m.EntityID != user || !strings.Contains(string(m.Body), `"public_metadata":`+step.public) {
			t.Errorf("%s: told %v %s", step.body, ok, m.Body)
		}
	}
	row := f.Truth().Rows["users"][user]
	if row["unsafe_metadata"].(map[string]any)["x"] != true {
		t.Errorf("%v", row)
	}
	for _, wrong := range []string{`{"public_metadata":[1]}`, `{"unsafe_metadata":"x"}`} {
		if status, answer := f.call(t, "PATCH", path, wrong); status != 422 || code(t, answer) != "form_param_value_invalid" {
			t.Errorf("%s: %d %v", wrong, status, answer)
		}
	}
	if status, answer := f.call(t, "PATCH", "/v1/users/user_nobody/metadata", `{"public_metadata":{}}`); status != 404 || code(t, answer) != "resource_not_found" {
		t.Errorf("%d %v", status, answer)
	}
}

func TestOneUserTakesTenChangesInTenSeconds(t *testing.T) {
	t.Parallel()
	f, clock := served(t, ClerkConfig{})
	_, user, _ := member(t, f.Clerk)
	other := must(f.CreateUser())(t)
	edit := func(id, path, body string) int {
		res, _, _ := f.ask(t, "PATCH", "/v1/users/"+id+path, body)
		return res.StatusCode
	}
	for i := range 10 {
		path, body := "/metadata", `{"public_metadata":{"n":1}}`
		if i%2 == 0 {
			path, body = "", `{"first_name":"Ada"}`
		}
		if got := edit(user, path, body); got != 200 {
			t.Fatalf("change %d: %d", i, got)
		}
	}
	heard(t, f.Clerk)
	if got := edit(user, "", `{"first_name":"Eve"}`); got != 429 {
		t.Errorf("the eleventh: %d", got)
	}
	if told := heard(t, f.Clerk); len(told) > 0 || f.Truth().Rows["users"][user]["first_name"] != "Ada" {
		t.Error("what was refused is done")
	}
	if got := edit(other, "", `{"first_name":"Bob"}`); got != 200 {
		t.Errorf("another user: %d", got)
	}
	clock.pass(10 * time.Second)
	if got := edit(user, "", `{"first_name":"Eve"}`); got != 200 {
		t.Errorf("ten seconds later: %d", got)
	}
}

func TestAUserIsEditedByTheBackendAPI(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	_, user, _ := member(t, f.Clerk)
	path := "/v1/users/" + user
	if err := f.AddEmail(user, "second@directed.example"); err != nil {
		t.Fatal(err)
	}
	_, shown := f.call(t, "GET", path, "")
	second := shown["email_addresses"].([]any)[1].(map[string]any)["id"].(string)
	status, answer := f.call(t, "PATCH", path, `{"first_name":"Ada","last_name":null,"username":"ada","external_id":"crm-1x","primary_email_address_id":"`+second+`"}`)
	row := f.Truth().Rows["users"][user]
	if status != 200 || answer["username"] != "ada" || row["first_name"] != "Ada" || row["last_name"] != nil || row["primary_email"] != "second@directed.example" {
		t.Errorf("%d %v %v", status, answer, row)
	}
	if status, _ := f.call(t, "PATCH", path, `{"username":null}`); status != 200 || f.Truth().Rows["users"][user]["username"] != nil {
		t.Error("null does not clear")
	}
	other := must(f.CreateUser())(t)
	for body, want := range map[string]string{
		`{"external_id":"crm-1x"}`:             "form_param_value_invalid",
		`{"primary_email_address_id":"idn_x"}`: "form_param_value_invalid",
		`{"public_metadata":null}`:             "form_param_unknown",
	} {
		if status, answer := f.call(t, "PATCH", "/v1/users/"+other, body); status != 422 || code(t, answer) != want {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
}
