package clerksim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func history(w *World) []Message {
	var all []Message
	for m, ok := w.Next(); ok; m, ok = w.Next() {
		all = append(all, m)
	}
	return all
}

func TestSameSeedGivesSameHistory(t *testing.T) {
	t.Parallel()
	cfg := Config{Seed: 42, Users: 60, Organizations: 12, Changes: 600}
	one, two := NewWorld(cfg), NewWorld(cfg)
	a, b := history(one), history(two)
	same := func(x, y Message) bool {
		return x.ID == y.ID && x.Type == y.Type && x.EntityID == y.EntityID && x.Time.Equal(y.Time) && bytes.Equal(x.Body, y.Body)
	}
	if !slices.EqualFunc(a, b, same) {
		t.Fatal("histories differ")
	}
	if diff := cmp.Diff(one.Truth(), two.Truth()); diff != "" {
		t.Fatalf("truths differ:\n%s", diff)
	}
	cfg.Seed++
	other := history(NewWorld(cfg))
	if same(other[0], a[0]) || slices.EqualFunc(a, other, func(x, y Message) bool { return bytes.Equal(x.Body, y.Body) }) {
		t.Fatal("another seed gives the same history")
	}
}

func TestDefaultHistoryHasEveryTypeOfTheCatalogue(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		seen := map[string]int{}
		for _, m := range history(NewWorld(Config{Seed: seed})) {
			seen[m.Type]++
		}
		for _, typ := range SampleTypes() {
			if seen[typ] == 0 {
				t.Errorf("seed %d: no %s", seed, typ)
			}
			delete(seen, typ)
		}
		if len(seen) > 0 {
			t.Errorf("seed %d: types outside the catalogue: %v", seed, seen)
		}
	}
	if n := len(SampleTypes()); n != 45 {
		t.Errorf("catalogue has %d types, want 45", n)
	}
}

// An independent reader that gets the messages in any order must come to the rows the world says are true.
func TestTruthIsWhatMessagesSayInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := NewWorld(Config{Seed: seed, TwinRate: 0.2, OddRate: 0.2, TieRate: 0.05})
			all := history(w)
			shuffle(all, seed)
			r := newReader()
			for _, m := range all {
				r.read(t, m)
			}
			compare(t, w.Truth(), r.rows())
		})
	}
}

// Truth must be exact between any two messages, also within a cascade.
func TestTruthHoldsAfterEveryMessage(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 5, Users: 8, Organizations: 3, Changes: 150, TwinRate: 0.1})
	r := newReader()
	for m, ok := w.Next(); ok; m, ok = w.Next() {
		r.read(t, m)
		compare(t, w.Truth(), r.rows())
		if t.Failed() {
			t.Fatalf("after %s of %s", m.Type, m.EntityID)
		}
	}
}

// The oracle must tell a wrong receiver from a right one.
func TestTruthExposesWrongReceivers(t *testing.T) {
	t.Parallel()
	wrong := map[string]func(a, b *fact) bool{
		"last arrival wins":              func(a, b *fact) bool { return true },
		"updated_at alone":               func(a, b *fact) bool { return a.deleted || !b.deleted && a.updated > b.updated },
		"envelope timestamp alone":       func(a, b *fact) bool { return a.deleted || !b.deleted && a.timestamp > b.timestamp },
		"deletion ordered by its time":   func(a, b *fact) bool { return max(a.updated, a.timestamp) > max(b.updated, b.timestamp) },
		"late facts revive the deleted":  func(a, b *fact) bool { return b.deleted || newer(a, b) },
		"no verb leads out of a removal": func(a, b *fact) bool { return newer(a, b) && !(a.updated == b.updated && a.timestamp == b.timestamp) },
	}
	for name, beats := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20) {
				w := NewWorld(Config{Seed: seed, Users: 60, Organizations: 12, Changes: 900, TwinRate: 0.2, OddRate: 0.2, TieRate: 0.05})
				all := history(w)
				shuffle(all, seed)
				r := newReader()
				r.beats = beats
				for _, m := range all {
					r.read(t, m)
				}
				if differences(w.Truth(), r.rows()) != "" {
					return
				}
			}
			t.Fatal("the truth agrees with a receiver that is wrong")
		})
	}
}

func shuffle(all []Message, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

func compare(t *testing.T, want Truth, got map[string]map[string]Row) {
	t.Helper()
	if diff := differences(want, got); diff != "" {
		t.Errorf("rows differ from the truth:\n%s", diff)
	}
}

// differences leaves out what is only a tie, and the columns that the truth does not state.
func differences(want Truth, got map[string]map[string]Row) string {
	var out strings.Builder
	for model, rows := range want.Rows {
		owner := func(key string) string { id, _, _ := strings.Cut(key, "|"); return id }
		for key, row := range rows {
			if want.Ties[model][owner(key)] {
				continue
			}
			other, ok := got[model][key]
			if !ok {
				fmt.Fprintf(&out, "%s %s is missing\n", model, key)
				continue
			}
			if !reflect.DeepEqual(row, other) {
				fmt.Fprintf(&out, "%s %s:\n%s\n", model, key, cmp.Diff(row, other))
			}
		}
		for key := range got[model] {
			if _, ok := rows[key]; !ok && !want.Ties[model][owner(key)] {
				fmt.Fprintf(&out, "%s %s should not be\n", model, key)
			}
		}
	}
	return out.String()
}

func TestTruthIsCoherent(t *testing.T) {
	t.Parallel()
	w := NewWorld(Config{Seed: 3})
	history(w)
	truth := w.Truth()
	exists := func(model string, id any) bool { _, ok := truth.Rows[model][str(id)]; return ok }
	for id, m := range truth.Rows["organization_memberships"] {
		if !exists("users", m["user_id"]) || !exists("organizations", m["organization_id"]) {
			t.Errorf("%s lacks its user or organization", id)
		}
	}
	for _, model := range []string{"organization_invitations", "organization_domains"} {
		for id, row := range truth.Rows[model] {
			if !exists("organizations", row["organization_id"]) {
				t.Errorf("%s lacks its organization", id)
			}
		}
	}
	for id, row := range truth.Rows["sessions"] {
		if !exists("users", row["user_id"]) {
			t.Errorf("%s lacks its user", id)
		}
	}
	for id, row := range truth.Rows["subscription_items"] {
		if !exists("subscriptions", row["subscription_id"]) {
			t.Errorf("%s lacks its subscription", id)
		}
	}
	notFirst := 0
	for id, u := range truth.Rows["users"] {
		emails := list(u["email_addresses"])
		at := slices.IndexFunc(emails, func(e any) bool { return sub(e)["email_address"] == u["primary_email"] })
		if u["primary_email"] != nil && at < 0 {
			t.Errorf("%s: primary e-mail is not one of its own", id)
		}
		if at > 0 {
			notFirst++
		}
	}
	if notFirst == 0 {
		t.Error("every primary e-mail is the first of its list")
	}
}
