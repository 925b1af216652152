package clerksim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTruthKeepsNoCredentials(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 4})
	var sent bytes.Buffer
	for _, m := range history(w) {
		sent.Write(m.Body)
	}
	truth, err := json.Marshal(w.Truth().Rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, credential := range []string{"ticket=", "?state=", `"otp_code"`, `"crm":"cus_`} {
		if !bytes.Contains(sent.Bytes(), []byte(credential)) {
			t.Errorf("no message carries %q: the test would prove nothing", credential)
		}
		if bytes.Contains(truth, []byte(credential)) {
			t.Errorf("truth holds %q", credential)
		}
	}
	if !bytes.Contains(sent.Bytes(), []byte(`"backup_codes":["`)) || bytes.Contains(truth, []byte(`"backup_codes":["`)) {
		t.Error("backup codes must be sent and must not be true")
	}
}

func TestMessagesHaveTheShapesOfClerk(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 9})
	ids, last := map[string]bool{}, time.Time{}
	var users, bytesOfUsers int
	for _, m := range history(w) {
		if !strings.HasPrefix(m.ID, "msg_") || ids[m.ID] {
			t.Fatalf("bad or repeated message id %s", m.ID)
		}
		ids[m.ID] = true
		f := parse(t, m)
		if !utf8.Valid(m.Body) || bytes.Contains(m.Body, []byte(`\u0000`)) || bytes.ContainsRune(m.Body, utf8.RuneError) {
			t.Fatalf("%s: body is not representable in Postgres: %s", m.ID, m.Body)
		}
		if lag := m.Time.UnixMilli() - f.updated; f.updated != 0 && !f.deleted && !quiet(f) && (lag < 3 || lag > 100) {
			t.Errorf("%s %s is stamped %d ms after updated_at", m.Type, m.ID, lag)
		}
		if f.timestamp != m.Time.UnixMilli() && f.timestamp != m.Time.Truncate(time.Second).UnixMilli() {
			t.Errorf("%s: envelope says %d, world says %s", m.ID, f.timestamp, m.Time)
		}
		if f.object == "user" && !f.deleted {
			users, bytesOfUsers = users+1, bytesOfUsers+len(m.Body)
		}
		last = m.Time
	}
	if mean := bytesOfUsers / users; mean < 2200 {
		t.Errorf("user messages are %d bytes on average, want 2200 or more", mean)
	}
	if span := last.Sub(time.Date(2025, 1, 6, 9, 0, 0, 0, time.UTC)); span > 241*24*time.Hour {
		t.Errorf("the history takes %s", span)
	}
}

// quiet events leave updated_at where it was.
func quiet(f *fact) bool {
	return f.typ == "subscriptionItem.freeTrialEnding" || f.object == "session" && final(f.verb)
}

// A tie is what it says: two contents, one updated_at, one envelope timestamp, and nothing newer.
func TestTiesAreTiesAndNothingElseIs(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 6, TieRate: 0.1, OddRate: -1})
	newest := map[string][]*fact{}
	for _, m := range history(w) {
		f := parse(t, m)
		switch before := newest[f.id]; {
		case len(before) == 0 || newer(f, before[0]):
			newest[f.id] = []*fact{f}
		case !newer(before[0], f) && !cmp.Equal(f.data, before[0].data):
			newest[f.id] = append(before, f)
		}
	}
	truth, found := w.Truth(), 0
	for model, rows := range truth.Rows {
		if model == "user_identifiers" || model == "role_permissions" {
			continue
		}
		for id := range rows {
			if tied := len(newest[id]) > 1; tied != truth.Ties[model][id] {
				t.Errorf("%s %s: tied is %v, the truth says %v", model, id, tied, truth.Ties[model][id])
			}
			if truth.Ties[model][id] {
				found++
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d ties in a history full of them", found)
	}
	if _, ok := truth.Ties["user_identifiers"]; !ok {
		t.Error("the identifiers of tied users are not listed")
	}
}

// What a message embeds of another object is that object as it was, so that a late message carries stale copies.
func TestEmbeddedCopiesAreOfTheirMoment(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 8, OddRate: -1, Users: 60, Organizations: 15, Changes: 800})
	told := map[string]any{} // object id → its data's updated_at, as last told by its own event
	compared, stale := 0, 0
	for _, m := range history(w) {
		f := parse(t, m)
		for _, field := range []string{"user", "organization"} {
			inner := sub(f.data[field])
			if inner == nil {
				continue
			}
			last := told[str(inner["id"])]
			if last == nil { // deleted just before
				continue
			}
			compared++
			if last != inner["updated_at"] {
				t.Fatalf("%s %s embeds a %s that is not as last told", f.typ, f.id, field)
			}
		}
		told[f.id] = f.data["updated_at"]
	}
	for _, m := range history(NewWorld(Config{Seed: 8, OddRate: -1, Users: 60, Organizations: 15, Changes: 800})) {
		if inner := sub(parse(t, m).data["user"]); inner != nil && told[str(inner["id"])] != inner["updated_at"] {
			stale++
		}
	}
	if compared < 100 || stale < 20 {
		t.Errorf("%d copies compared, %d would be stale if late: too few to prove anything", compared, stale)
	}
}

func TestOddShapesOccur(t *testing.T) {
	t.Parallel()
	odd := map[string]func(f *fact, body string) bool{
		"timestamp in seconds":      func(f *fact, body string) bool { return f.timestamp%1000 == 0 },
		"last_active_at in seconds": func(f *fact, _ string) bool { n := number(f.data["last_active_at"]); return n > 0 && n < 1e12 },
		"no instance_id": func(f *fact, body string) bool {
			return f.object != "paymentAttempt" && !strings.Contains(body, `"instance_id"`)
		},
		"no event_attributes": func(_ *fact, body string) bool { return !strings.Contains(body, `"event_attributes"`) },
		"unknown fields":      func(f *fact, _ string) bool { _, ok := f.data["requires_password_reset"]; return ok },
		"slug is empty":       func(f *fact, _ string) bool { return f.object == "organization" && f.data["slug"] == "" },
		"slug is absent":      func(f *fact, _ string) bool { _, ok := f.data["slug"]; return f.typ == "organization.updated" && !ok },
		"user without e-mail": func(f *fact, _ string) bool {
			return f.object == "user" && !f.deleted && len(list(f.data["email_addresses"])) == 0
		},
		"user without name":       func(f *fact, _ string) bool { return f.typ == "user.created" && nullable(f.data["first_name"]) == nil },
		"names are empty strings": func(f *fact, _ string) bool { return f.typ == "user.created" && f.data["username"] == "" },
		"no enterprise_accounts": func(f *fact, _ string) bool {
			_, ok := f.data["enterprise_accounts"]
			return f.typ == "user.created" && !ok
		},
		"deleted user with external id":     func(f *fact, _ string) bool { return f.typ == "user.deleted" && f.data["external_id"] != nil },
		"deleted organization without slug": func(f *fact, _ string) bool { return f.typ == "organization.deleted" && f.data["slug"] == nil },
		"deleted role in full":              func(f *fact, _ string) bool { return f.typ == "role.deleted" && f.data["key"] != nil },
		"deleted role as id":                func(f *fact, _ string) bool { return f.typ == "role.deleted" && f.data["key"] == nil },
		"deleted permission in full":        func(f *fact, _ string) bool { return f.typ == "permission.deleted" && f.data["key"] != nil },
		"unused payer side is empty":        func(f *fact, _ string) bool { return sub(f.data["payer"])["user_id"] == "" },
		"unused payer side is absent":       func(f *fact, _ string) bool { p := sub(f.data["payer"]); _, ok := p["user_id"]; return p != nil && !ok },
		"null payer inside a subscription": func(f *fact, body string) bool {
			return f.object == "subscription" && strings.Contains(body, `"payer":null`)
		},
		"impersonated session":     func(f *fact, _ string) bool { return f.object == "session" && f.data["actor"] != nil },
		"session without user":     func(f *fact, _ string) bool { u, ok := f.data["user"]; return ok && u == nil },
		"session without status":   func(f *fact, _ string) bool { _, ok := f.data["status"]; return f.object == "session" && !ok },
		"payment kind called type": func(f *fact, _ string) bool { return f.object == "paymentAttempt" && f.data["type"] != nil },
		"short object name":        func(f *fact, _ string) bool { return f.data["object"] == "subscription_item" },
		"camel object name":        func(f *fact, _ string) bool { return f.data["object"] == "waitlistEntry" },
		"ticket in a waitlist entry": func(f *fact, body string) bool {
			return f.object == "waitlistEntry" && strings.Contains(body, "ticket=")
		},
		"sms with created_at": func(f *fact, _ string) bool { return f.object == "sms" && f.data["created_at"] != nil },
		"legacy google account": func(_ *fact, body string) bool {
			return strings.Contains(body, `"google_account","id"`) && strings.Contains(body, `"given_name"`)
		},
		"surrogate pair in metadata": func(_ *fact, body string) bool { return strings.Contains(body, "\\ud83d\\ude80") },
		"emoji":                      func(_ *fact, body string) bool { return strings.Contains(body, "😀") },
		"domain with the deprecated field": func(f *fact, _ string) bool {
			_, ok := f.data["affiliation_verification"]
			return f.typ == "organizationDomain.updated" && !ok
		},
		"same mailbox in two spellings": func(f *fact, _ string) bool { return f.typ == "user.created" && twoSpellings(f) },
	}
	for seed := range uint64(4) {
		for _, m := range history(NewWorld(Config{Seed: seed, OddRate: 0.15})) {
			f := parse(t, m)
			for name, holds := range odd {
				if holds(f, string(m.Body)) {
					delete(odd, name)
				}
			}
		}
	}
	for name := range odd {
		t.Errorf("never seen: %s", name)
	}
}

func twoSpellings(f *fact) bool {
	seen := map[string]bool{}
	for _, e := range list(f.data["email_addresses"]) {
		address := strings.ToLower(str(sub(e)["email_address"]))
		if seen[address] {
			return true
		}
		seen[address] = true
	}
	return false
}

// E-mail addresses change hands and ids do not come back: what late messages can confuse must really happen.
func TestHistoryHasTheStoriesThatGoWrong(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 2})
	owners, memberships := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(in map[string]map[string]bool, key, id string) {
		if in[key] == nil {
			in[key] = map[string]bool{}
		}
		in[key][id] = true
	}
	stories := map[string]int{}
	for _, m := range history(w) {
		f := parse(t, m)
		switch f.object {
		case "user":
			for _, e := range list(f.data["email_addresses"]) {
				note(owners, strings.ToLower(str(sub(e)["email_address"])), f.id)
			}
			for _, state := range []string{"banned", "locked", "deprovisioned"} {
				if flag(f.data[state]) {
					stories[state]++
				}
			}
		case "organizationMembership":
			note(memberships, str(sub(f.data["organization"])["id"])+str(sub(f.data["public_user_data"])["user_id"]), f.id)
		}
	}
	for _, ids := range owners {
		if len(ids) > 1 {
			stories["moved e-mail"]++
		}
	}
	for _, ids := range memberships {
		if len(ids) > 1 {
			stories["rejoined"]++
		}
	}
	for _, story := range []string{"banned", "locked", "deprovisioned", "moved e-mail", "rejoined"} {
		if stories[story] == 0 {
			t.Errorf("nobody is %s", story)
		}
	}
}

func TestSamplesOfEveryTypeAreFixedAndValid(t *testing.T) {
	t.Parallel()
	for _, typ := range SampleTypes() {
		m, ok := Sample(typ)
		again, _ := Sample(typ)
		if !ok || m.Type != typ || m.ID == "" {
			t.Errorf("no sample of %s", typ)
			continue
		}
		if m.ID != again.ID || !bytes.Equal(m.Body, again.Body) {
			t.Errorf("sample of %s is not fixed", typ)
		}
		f := parse(t, m)
		if f.updated > f.timestamp || f.timestamp < 1e12 {
			t.Errorf("sample of %s has a strange time", typ)
		}
	}
	if _, ok := Sample("user.somethingNew"); ok {
		t.Error("sample of a type outside the catalogue")
	}
}

func BenchmarkWorld(b *testing.B) {
	for range b.N {
		w, n := NewWorld(Config{Seed: 1, Users: 5000, Organizations: 1000, Changes: 30_000}), 0
		for _, ok := w.Next(); ok; _, ok = w.Next() {
			n++
		}
		b.ReportMetric(float64(n), "messages")
	}
}
