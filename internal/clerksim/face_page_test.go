package clerksim

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An offset counts from the end that moves: whoever walks by it beside changes misses somebody, and sees somebody twice. That is Clerk's own quirk, and
// what the cursor is for.
func TestOffsetsShiftUnderChanges(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Seed: 2, Users: 40, Organizations: -1, Changes: -1})
	newest := func(offset string) []string {
		list, _ := f.page(t, "/v1/users", with("limit", "10", "offset", offset))
		return idsOf(list)
	}
	first := newest("0")
	must(f.CreateUser())(t)
	if second := newest("10"); second[0] != first[9] {
		t.Errorf("after an insert the second page begins with %s, want %s again", second[0], first[9])
	}
	second, third := newest("10"), newest("20")
	if err := f.DeleteUser(second[0]); err != nil {
		t.Fatal(err)
	}
	if after := newest("20"); after[0] != third[1] {
		t.Errorf("after a deletion the third page begins with %s, want %s: %s is skipped", after[0], third[1], third[0])
	}
}

// Whoever exists throughout a walk by cursor is seen, once, whatever comes and goes, in both directions, and also where the cursor's own user goes.
func TestTheCursorSkipsNobodyWhoWasThereThroughout(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"+created_at", "-created_at"} {
		f := newReading(t, Config{Seed: 3, Users: 60, Organizations: 3, Changes: 2000})
		throughout := slices.Collect(maps.Keys(f.Truth().Rows["users"]))
		deleted := 0
		all, steps := f.walkOn(t, order, 7, func(last string) {
			for range 25 {
				f.Next()
			}
			must(f.CreateUser())(t)
			for _, u := range append(f.Sketch(2).Users, SketchedUser{ID: last}) {
				if deleted < 12 && f.DeleteUser(u.ID) == nil {
					deleted++
				}
			}
		})
		now, seen := f.Truth().Rows["users"], map[string]int{}
		for _, id := range all {
			seen[id]++
		}
		stayed := 0
		for _, id := range throughout {
			if now[id] == nil {
				continue
			}
			stayed++
			if seen[id] != 1 {
				t.Errorf("%s: %s was there throughout and seen %d times", order, id, seen[id])
			}
		}
		if stayed < 20 || len(now) == stayed || steps < 2 {
			t.Errorf("%s: %d of %d stayed, %d cursors went: too quiet to prove anything", order, stayed, len(now), steps)
		}
	}
}

func TestAPageOfMoreThanFiveHundredIsOneOfTen(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 30, Organizations: 2, Changes: -1})
	for limit, want := range map[string]int{"": 10, "1": 1, "30": 30, "500": 30, "501": 10, "100000": 10} {
		if list, _ := f.page(t, "/v1/users", with("limit", limit)); len(list) != want {
			t.Errorf("limit %q gives %d, want %d", limit, len(list), want)
		}
	}
}

func TestListsRefuseWhatClerkRefuses(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 12, Organizations: 2, Changes: -1})
	list, _ := f.page(t, "/v1/users", nil)
	user := list[0]["id"].(string)
	tooMany := url.Values{}
	for i := range maxValues + 1 {
		tooMany.Add("user_id", "user_"+strconv.Itoa(i))
	}
	for _, c := range []struct {
		path   string
		query  url.Values
		status int
	}{
		{"/v1/users", with("starting_after", user), 200},
		{"/v1/users", with("starting_after", user, "offset", "0"), 200},
		{"/v1/users", with("starting_after", user, "offset", "1"), 422},
		{"/v1/users", with("starting_after", user, "order_by", "-updated_at"), 422},
		{"/v1/users", with("starting_after", "user_gone"), 422},
		{"/v1/users", with("limit", "0"), 422},
		{"/v1/users", with("limit", "ten"), 422},
		{"/v1/users", with("offset", "-1"), 422},
		{"/v1/users", with("order_by", "id"), 422},
		{"/v1/users", with("created_at_after", "yesterday"), 422},
		{"/v1/users", tooMany, 422},
		{"/v1/organizations", with("order_by", "updated_at"), 422},
		{"/v1/organization_invitations", with("status", "lost"), 422},
		{"/v1/users/user_gone", nil, 404},
		{"/v1/users/user_gone/organization_memberships", nil, 404},
		{"/v1/organizations/org_gone", nil, 404},
		{"/v1/organizations/org_gone/memberships", nil, 404},
		{"/v1/organizations/org_gone/invitations", nil, 404},
		{"/v1/organizations/org_gone/domains", nil, 404},
		{"/v1/organization_roles/role_gone", nil, 404},
	} {
		status, body := f.get(t, c.path, c.query)
		if status != c.status {
			t.Errorf("%s?%s: %d, want %d: %s", c.path, c.query.Encode(), status, c.status, body)
		}
		if status >= 400 {
			var answer map[string]any
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			code(t, answer)
		}
	}
}

// What is read one by one, and below its parents, is what the instance's lists show.
func TestEveryListShowsTheSameObjects(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Seed: 6, Users: 30, Organizations: 8, Changes: 300})
	for range 300 {
		f.Next()
	}
	intervene(t, f.Clerk)
	oneByOne := func(path string, want map[string]any) {
		t.Helper()
		status, body := f.get(t, path, nil)
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil || status != 200 {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
	below := map[string]map[string]map[string]any{"memberships": {}, "invitations": {}, "domains": {}}
	for _, o := range f.walk(t, "/v1/organizations", nil, 50) {
		id := o["id"].(string)
		oneByOne("/v1/organizations/"+id, o)
		if slug, _ := o["slug"].(string); slug != "" {
			oneByOne("/v1/organizations/"+slug, o)
		}
		for kind, seen := range below {
			for _, x := range f.walk(t, "/v1/organizations/"+id+"/"+kind, nil, 3) {
				seen[x["id"].(string)] = x
				if kind == "invitations" {
					oneByOne("/v1/organizations/"+id+"/invitations/"+x["id"].(string), x)
				}
			}
		}
	}
	ofUsers := map[string]map[string]any{}
	for _, u := range f.walk(t, "/v1/users", nil, 50) {
		oneByOne("/v1/users/"+u["id"].(string), u)
		for _, m := range f.walk(t, "/v1/users/"+u["id"].(string)+"/organization_memberships", nil, 3) {
			ofUsers[m["id"].(string)] = m
		}
	}
	for _, r := range f.walk(t, "/v1/organization_roles", nil, 50) {
		oneByOne("/v1/organization_roles/"+r["id"].(string), r)
	}
	for path, got := range map[string]map[string]map[string]any{
		"/v1/organization_memberships": below["memberships"], "/v1/organization_invitations": below["invitations"],
		"/v1/organization_domains": below["domains"],
	} {
		want := map[string]map[string]any{}
		for _, x := range f.walk(t, path, nil, 50) {
			want[x["id"].(string)] = x
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s (%d):\n%s", path, len(want), diff)
		}
	}
	if diff := cmp.Diff(below["memberships"], ofUsers); diff != "" {
		t.Errorf("memberships of users:\n%s", diff)
	}
	oneByOne("/v1/instance", map[string]any{
		"object": "instance", "id": f.InstanceID(), "environment_type": "development", "allowed_origins": nil, "workspace_id": nil,
	})
}
