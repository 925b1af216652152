package clerksim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// A reader of all messages in any order comes to the truth, whatever was edited in the middle of whatever.
func TestTruthIsWhatMessagesSayWithDirectedEdits(t *testing.T) {
	t.Parallel()
	done := map[string]int{}
	for seed := range uint64(4) {
		c := NewClerk(ClerkConfig{World: Config{Seed: seed, Users: 30, Organizations: 6, Changes: 300, OddRate: 0.2}})
		r := rand.New(rand.NewPCG(seed, 3))
		var all []Message
		for m, ok := c.Next(); ok; m, ok = c.Next() {
			all = append(all, m)
			if r.IntN(4) == 0 {
				edit(t, c, r, done)
			}
		}
		shuffle(all, seed)
		reader := newReader()
		for _, m := range all {
			reader.read(t, m)
		}
		compare(t, c.Truth(), reader.rows())
	}
	if len(done) != len(edits()) {
		t.Errorf("not every edit was made: %v", done)
	}
}

// edits are by name what is done with a user, another user and an organization.
func edits() map[string]func(c *Clerk, user, other, org string) error {
	last := func(c *Clerk, model string) string {
		ids := make([]string, 0, 8)
		for id, row := range c.Truth().Rows[model] {
			if status := row["status"]; status == nil || status == "pending" || status == "active" {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return slices.Concat(ids, []string{"none"})[0]
	}
	return map[string]func(c *Clerk, user, other, org string) error{
		"profile": func(c *Clerk, user, _, _ string) error {
			return c.EditProfile(user, Profile{FirstName: new("Ada"), LastName: new("")})
		},
		"still": func(c *Clerk, user, _, _ string) error {
			return c.EditProfileStill(user, Profile{FirstName: new("Eve")})
		},
		"merge": func(c *Clerk, user, _, _ string) error {
			return c.MergeMetadata(user, Metadata{Public: []byte(`{"a":{"b":1}}`), Unsafe: []byte(`{"c":null}`)})
		},
		"add email": func(c *Clerk, user, _, _ string) error { return c.AddEmail(user, "added-"+user+"@directed.example") },
		"move email": func(c *Clerk, user, other, _ string) error {
			return c.MoveEmail(user, other, "added-"+user+"@directed.example")
		},
		"rename":       func(c *Clerk, _, _, org string) error { return c.RenameOrganization(org, "Renamed", "renamed-"+org) },
		"rename still": func(c *Clerk, _, _, org string) error { return c.RenameOrganizationStill(org, "Still", "") },
		"invite": func(c *Clerk, _, _, org string) error {
			_, err := c.Invite(org, "x@directed.example", "org:member")
			return err
		},
		"revoke":         func(c *Clerk, _, _, _ string) error { return c.RevokeInvitation(last(c, "organization_invitations")) },
		"domain":         func(c *Clerk, _, _, _ string) error { return c.DeleteDomain(last(c, "organization_domains")) },
		"join waitlist":  func(c *Clerk, _, _, _ string) error { c.JoinWaitlist("w@directed.example"); return nil },
		"reject":         func(c *Clerk, _, _, _ string) error { return c.RejectFromWaitlist(last(c, "waitlist_entries")) },
		"subscribe":      func(c *Clerk, _, _, org string) error { _, err := c.SubscribeOrganization(org); return err },
		"payment source": func(c *Clerk, _, _, _ string) error { return c.ChangePaymentSource(last(c, "subscriptions")) },
		"delete role": func(c *Clerk, _, _, _ string) error {
			if err := c.DefineRole("org:brief", "org:orders:read"); err != nil {
				return err
			}
			return c.DeleteRole("org:brief")
		},
		"false deletion": func(c *Clerk, user, _, _ string) error { _, err := c.FalseDeletion(user); return err }, // not told, so nothing
	}
}

func edit(t *testing.T, c *Clerk, r *rand.Rand, done map[string]int) {
	t.Helper()
	s := c.Sketch(1000)
	if len(s.Users) < 4 || len(s.Organizations) < 2 {
		return
	}
	all := edits()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[r.IntN(len(names))]
	user, other := s.Users[0].ID, s.Users[r.IntN(len(s.Users))].ID // the first one again and again, so that edits meet
	err := all[name](c, user, other, s.Organizations[r.IntN(len(s.Organizations))].ID)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	if err == nil {
		done[name]++
	}
}

func TestAStillEditMovesTheTimestampAndNotUpdatedAt(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	org, user, _ := member(t, f.Clerk)
	updated := func(model, id string) any { return f.Truth().Rows[model][id]["updated_at"] }
	userBefore, orgBefore := updated("users", user), updated("organizations", org)
	if err := errors.Join(f.EditProfileStill(user, Profile{FirstName: new("Still")}), f.RenameOrganizationStill(org, "Still", "")); err != nil {
		t.Fatal(err)
	}
	if updated("users", user) != userBefore || updated("organizations", org) != orgBefore {
		t.Error("updated_at moved")
	}
	if told := heard(t, f.Clerk); told["user.updated "+user]["first_name"] != "Still" || told["organization.updated "+org]["name"] != "Still" {
		t.Errorf("%v", told)
	}
	if err := errors.Join(f.EditProfile(user, Profile{FirstName: new("Moved")}), f.RenameOrganization(org, "Moved", "")); err != nil {
		t.Fatal(err)
	}
	if updated("users", user) == userBefore || updated("organizations", org) == orgBefore {
		t.Error("updated_at did not move")
	}
}

func TestAMovedEmailIsTheOthers(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	_, from, _ := member(t, f.Clerk)
	to := must(f.CreateUser())(t)
	heard(t, f.Clerk)
	if err := f.MoveEmail(from, to, "Member@Directed.example"); err != nil {
		t.Fatal(err)
	}
	told := heard(t, f.Clerk)
	emails := func(user string) int { return len(told["user.updated "+user]["email_addresses"].([]any)) }
	if emails(from) != 0 || emails(to) != 2 || f.Truth().Rows["users"][from]["primary_email"] != nil {
		t.Errorf("%v", told)
	}
	if err := f.MoveEmail(from, to, "member@directed.example"); !errors.Is(err, ErrRefused) {
		t.Errorf("an address that the user no longer has: %v", err)
	}
}

// What changes without a webhook is seen in the Backend API and told to nobody.
func TestSilentChangesAreShownAndNotTold(t *testing.T) {
	t.Parallel()
	f, _ := served(t, ClerkConfig{})
	org, user, _ := member(t, f.Clerk)
	_, before := f.call(t, "GET", "/v1/users/"+user, "")
	if err := f.Visit(user, false); err != nil {
		t.Fatal(err)
	}
	_, after := f.call(t, "GET", "/v1/users/"+user, "")
	if after["last_sign_in_at"] == before["last_sign_in_at"] || after["last_active_at"] == before["last_active_at"] || after["updated_at"] != before["updated_at"] {
		t.Errorf("%v, before %v", after, before)
	}
	f.page(t, "/v1/users", with("order_by", "-updated_at", "limit", "1")) // an order that is kept from now on
	must(f.CreateUser())(t)
	heard(t, f.Clerk)
	if err := f.Visit(user, true); err != nil {
		t.Fatal(err)
	}
	if newest, _ := f.page(t, "/v1/users", with("order_by", "-updated_at", "limit", "1")); newest[0]["id"] != user {
		t.Errorf("the newest is %v", newest[0]["id"])
	}

	connection := f.Connections()[1].ID
	added := must(f.AddConnection("New", "new.example", "saml_custom", org))(t)
	if err := errors.Join(f.SwitchConnection(connection, false), f.RemoveConnection(f.Connections()[2].ID), f.DefineRoleSet("role_set:small", "Small", "org:member"),
		f.SwitchDirectory("", false)); err != nil {
		t.Fatal(err)
	}
	if _, got := f.call(t, "GET", "/v1/enterprise_connections/"+connection, ""); got["active"] != false || got["object"] != "enterprise_connection" {
		t.Errorf("%v", got)
	}
	if list, total := f.page(t, "/v1/enterprise_connections", with("organization_id", org)); total != 1 || list[0]["id"] != added {
		t.Errorf("%v", list)
	}
	if list, total := f.page(t, "/v1/enterprise_connections", with("active", "true")); total != 2 || len(list) != 2 {
		t.Errorf("%v", list)
	}
	sets, total := f.page(t, "/v1/role_sets", with("order_by", "created_at"))
	if total != 2 || sets[0]["key"] != "role_set:default" || len(sets[0]["roles"].([]any)) < 3 || len(sets[1]["roles"].([]any)) != 1 {
		t.Errorf("%v", sets)
	}
	if list, _ := f.page(t, "/v1/scim_directories", nil); len(list) != 1 || list[0]["enabled"] != false || list[0]["api_key"] != nil {
		t.Errorf("%v", list)
	}
	wrong, err := f.FalseDeletion(user)
	if err != nil || wrong.Type != "user.deleted" || f.Truth().Rows["users"][user] == nil {
		t.Errorf("%v %v", wrong, err)
	}
	if told := heard(t, f.Clerk); len(told) > 0 {
		t.Errorf("told: %v", told)
	}
}

func TestBillingAndTheWaitlistAreListedAsTruthHasThem(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 60, Organizations: 20, Changes: 1500, OddRate: 0.3})
	for _, ok := f.Next(); ok; _, ok = f.Next() {
	}
	truth := f.Truth()
	items := f.walk(t, "/v1/billing/subscription_items", with("include_free", "true"), 50)
	paid := f.walk(t, "/v1/billing/subscription_items", nil, 50)
	entries := f.walk(t, "/v1/waitlist_entries", nil, 50)
	for model, list := range map[string][]map[string]any{"subscription_items": items, "waitlist_entries": entries} {
		if len(list) != len(truth.Rows[model]) || len(list) == 0 {
			t.Errorf("%d %s, want %d", len(list), model, len(truth.Rows[model]))
		}
		for _, o := range list {
			row := truth.Rows[model][o["id"].(string)]
			if row == nil || row["status"] != o["status"] || o["object"] == "waitlistEntry" || o["object"] == "subscription_item" {
				t.Errorf("%v, want %v", o, row)
			}
		}
	}
	if len(paid) == 0 || len(paid) >= len(items) {
		t.Errorf("%d of %d items are of plans that cost", len(paid), len(items))
	}
	found := 0
	for id, row := range truth.Rows["subscriptions"] {
		path := "/v1/users/" + str(row["user_id"])
		if row["organization_id"] != nil {
			path = "/v1/organizations/" + str(row["organization_id"])
		}
		status, answer := f.call(t, "GET", path+"/billing/subscription", "")
		if status == 200 && (answer["id"] != id || answer["status"] != row["status"]) {
			t.Errorf("%s: %v, want %v", path, answer, row)
		}
		if status == 200 {
			found++
		}
	}
	if found == 0 {
		t.Error("no subscription is shown")
	}
	if status, answer := f.call(t, "GET", "/v1/users/user_nobody/billing/subscription", ""); status != 404 || code(t, answer) != "resource_not_found" {
		t.Errorf("%d %v", status, answer)
	}
}
