package clerksim

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each filter gives exactly those of all users of whom it is true, and the count counts the same.
func TestFiltersOfUsers(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Seed: 7, Users: 60, Organizations: 8, Changes: 300})
	for range 300 {
		f.Next()
	}
	org, member, boss := memberOf(t, f.Clerk)
	if err := f.Ban(member); err != nil {
		t.Fatal(err)
	}
	all := f.walk(t, "/v1/users", with("order_by", "created_at"), 50)
	at := func(i int) (map[string]any, string) {
		return all[i], strconv.FormatInt(number(all[i]["created_at"]), 10)
	}
	_, early := at(10)
	_, late := at(30)
	some, _ := at(5)
	mail := func(u map[string]any) string {
		for _, e := range list(u["email_addresses"]) {
			return str(sub(e)["email_address"])
		}
		return ""
	}
	id := func(u map[string]any) string { return str(u["id"]) }
	created := func(u map[string]any) string { return strconv.FormatInt(number(u["created_at"]), 10) }
	for _, c := range []struct {
		name  string
		query url.Values
		fits  func(u map[string]any) bool
	}{
		{"all", nil, func(map[string]any) bool { return true }},
		{"before", with("created_at_before", late), func(u map[string]any) bool { return created(u) < late }},
		{"after", with("created_at_after", early), func(u map[string]any) bool { return created(u) > early }},
		{"a stretch", with("created_at_after", early, "created_at_before", late), func(u map[string]any) bool { return created(u) > early && created(u) < late }},
		{"an empty stretch", with("created_at_after", late, "created_at_before", early), func(map[string]any) bool { return false }},
		{"some ids", with("user_id", id(some), "user_id[]", "+"+boss, "user_id", "user_gone"), func(u map[string]any) bool { return id(u) == id(some) || id(u) == boss }},
		{"all but one", with("user_id", "-"+boss), func(u map[string]any) bool { return id(u) != boss }},
		{"members", with("organization_id", org), func(u map[string]any) bool { return id(u) == member || id(u) == boss }},
		{"others", with("organization_id", "-"+org), func(u map[string]any) bool { return id(u) != member && id(u) != boss }},
		{"banned", with("banned", "true"), func(u map[string]any) bool { return u["banned"] == true }},
		{"not banned", with("banned", "false"), func(u map[string]any) bool { return u["banned"] == false }},
		{"e-mail", with("email_address", strings.ToUpper(mail(all[len(all)-1]))), func(u map[string]any) bool {
			return strings.EqualFold(mail(u), mail(all[len(all)-1]))
		}},
		{"query", with("query", strings.ToUpper(boss[:12])), func(u map[string]any) bool {
			return strings.HasPrefix(strings.ToLower(id(u)), strings.ToLower(boss[:12]))
		}},
		{"both", with("banned", "true", "created_at_after", early, "user_id", member), func(u map[string]any) bool { return id(u) == member }},
	} {
		var want []string
		for _, u := range all {
			if c.fits(u) {
				want = append(want, id(u))
			}
		}
		if len(want) == 0 && c.name != "an empty stretch" {
			t.Errorf("%s: fits nobody, so it proves nothing", c.name)
		}
		if got := idsOf(f.walk(t, "/v1/users", also(c.query, "order_by", "created_at"), 7)); !slices.Equal(got, want) {
			t.Errorf("%s, by offset: %d users, want %d", c.name, len(got), len(want))
		}
		if got := idsOf(f.walk(t, "/v1/users", also(c.query, "order_by", "updated_at"), 7)); !sameIDs(got, want) {
			t.Errorf("%s, in another order: %d users, want %d", c.name, len(got), len(want))
		}
		if got := f.cursorIDs(t, c.query); !slices.Equal(got, want) {
			t.Errorf("%s, by cursor: %d users, want %d", c.name, len(got), len(want))
		}
		if got := f.count(t, c.query); got != len(want) {
			t.Errorf("%s: counted %d, want %d", c.name, got, len(want))
		}
	}
}

func (f face) cursorIDs(t *testing.T, query url.Values) (ids []string) {
	t.Helper()
	for {
		q := also(query, "order_by", "+created_at", "limit", "7")
		if len(ids) > 0 {
			q.Set("starting_after", ids[len(ids)-1])
		}
		page, _ := f.page(t, "/v1/users", q)
		if ids = append(ids, idsOf(page)...); len(page) < 7 {
			return ids
		}
	}
}

func (f face) count(t *testing.T, query url.Values) int {
	t.Helper()
	status, body := f.get(t, "/v1/users/count", query)
	var answer struct {
		Object string `json:"object"`
		Total  *int   `json:"total_count"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != 200 || answer.Object != "total_count" || answer.Total == nil {
		t.Fatalf("count: %d %s", status, body)
	}
	return *answer.Total
}

func sameIDs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// One membership is found by its organization and user, which is how a missing one is fetched.
func TestOneMembershipIsFoundByItsUser(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 10, Organizations: 2, Changes: -1})
	org, user, boss := memberOf(t, f.Clerk)
	outsider := must(f.SignUp())(t)
	path := "/v1/organizations/" + org + "/memberships"
	for _, c := range []struct {
		query url.Values
		want  []string
	}{
		{with("user_id", user), []string{user}},
		{with("user_id[]", user), []string{user}},
		{with("user_id", user, "user_id", boss), []string{boss, user}},
		{with("user_id", outsider), nil},
		{with("user_id", "-"+user), []string{boss}},
		{with("role", "org:nothing"), nil},
		{with("role", "org:admin"), []string{boss, user}},
	} {
		page, total := f.page(t, path, also(c.query, "order_by", "created_at"))
		var got []string
		for _, m := range page {
			got = append(got, str(sub(m["public_user_data"])["user_id"]))
		}
		if !slices.Equal(got, c.want) || total != len(c.want) {
			t.Errorf("%s: %v of %d, want %v", c.query.Encode(), got, total, c.want)
		}
	}
}
