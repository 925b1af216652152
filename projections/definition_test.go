package projections

import (
	"slices"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

func TestTheHashTellsEveryDefinitionFromEveryOther(t *testing.T) {
	t.Parallel()
	seen := map[string]string{Hash([]Projection{things()}): "the original"}
	for name, change := range map[string]func(*State[thing]){
		"another name": func(s *State[thing]) { s.Model = "objects" },
		"a column more": func(s *State[thing]) {
			s.Columns = append(s.Columns, Text("more", func(v *thing) string { return v.Text }))
		},
		"a column less":          func(s *State[thing]) { s.Columns = s.Columns[1:] },
		"columns exchanged":      func(s *State[thing]) { s.Columns[0], s.Columns[1] = s.Columns[1], s.Columns[0] },
		"a column renamed":       func(s *State[thing]) { s.Columns[0].Name = "words" },
		"a column of other type": func(s *State[thing]) { s.Columns[0].Type = TypeJSON },
		"an index":               func(s *State[thing]) { s.Indexes = nil },
		"a policy":               func(s *State[thing]) { s.Tenant = byAnyone },
		"another policy":         func(s *State[thing]) { s.Tenant = byPayer },
		"a condition of sight":   func(s *State[thing]) { s.Hide = []string{"t.flag"} },
		"a revision":             func(s *State[thing]) { s.Revision = 1 },
		"no children":            func(s *State[thing]) { s.Children = nil },
		"a child's name":         func(s *State[thing]) { s.Children[0].Name = "pieces" },
		"a child's owner":        func(s *State[thing]) { s.Children[0].Owner = "of" },
		"a child's column":       func(s *State[thing]) { s.Children[0].Columns[1].Type = TypeText },
		"a child's key":          func(s *State[thing]) { s.Children[0].Columns[1].Key = true },
		"a child's index":        func(s *State[thing]) { s.Children[0].Indexes = []string{"(part)"} },
		"a child's policy":       func(s *State[thing]) { s.Children[0].Tenant = byAnyone },
		"a child's sight":        func(s *State[thing]) { s.Children[0].Hide = []string{"t.long"} },
	} {
		p := things()
		change(p)
		h := Hash([]Projection{p})
		if other, taken := seen[h]; taken {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
	for name, all := range map[string][]Projection{
		"a second read model": {things(), logbook()},
		"no read model":       {},
		"a log of that name":  {&Log[thing]{Model: "things"}},
	} {
		if other, taken := seen[Hash(all)]; taken {
			t.Errorf("%s and %s have the same hash", name, other)
		}
	}
}

func TestTheHashForgetsTheOrder(t *testing.T) {
	t.Parallel()
	all := All()
	turned := slices.Clone(all)
	slices.Reverse(turned)
	if Hash(all) != Hash(turned) || Hash(all) != Hash(All()) {
		t.Error("the same read models have another hash in another order")
	}
	if len(Hash(all)) != 16 {
		t.Errorf("the hash is %q", Hash(all))
	}
}

func TestEveryReadModelSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, p := range All() {
		alone, err := Select(All(), []string{p.Name()})
		if err != nil {
			t.Fatal(err)
		}
		// Views and policies name other tables, so Postgres itself says whether one is missing.
		newTables(t, alone...)
	}
}

func TestSelectTakesWhatIsNamedAndWhatThatNeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want []string }{
		{nil, namesOf(All())},
		{[]string{}, namesOf(All())},
		{[]string{"permissions"}, []string{"permissions"}},
		{[]string{"roles"}, []string{"permissions", "roles"}},
		{[]string{"users"}, []string{"users", "organizations", "organization_memberships"}},
		{[]string{"sessions"}, []string{"users", "organizations", "organization_memberships", "sessions"}},
		{[]string{"waitlist_entries", "organization_domains", "waitlist_entries"}, []string{"users", "organizations", "organization_memberships", "organization_domains", "waitlist_entries"}},
	} {
		got, err := Select(All(), c.names)
		if err != nil || !slices.Equal(namesOf(got), c.want) {
			t.Errorf("%v: %v, want %v (%v)", c.names, namesOf(got), c.want, err)
		}
	}
	if _, err := Select(All(), []string{"users", "user"}); err == nil {
		t.Error("an unknown name was taken")
	}
	if got := All(); len(got) != 13 {
		t.Errorf("there are %d projections, and selecting changed the list", len(got))
	}
}

func namesOf(all []Projection) (names []string) {
	for _, p := range all {
		names = append(names, p.Name())
	}
	return names
}

func TestPrivateMetadataIsAColumnOnlyOnRequest(t *testing.T) {
	t.Parallel()
	all := append(All(), logbook())
	with := WithPrivateMetadata(all)
	if !slices.Equal(namesOf(with), namesOf(all)) {
		t.Fatalf("the read models became %v", namesOf(with))
	}
	var private []string
	for i, p := range with {
		if slices.Contains(all[i].Definition().Views[0].Columns, "private_metadata") {
			t.Errorf("%s shows private_metadata unasked", p.Name())
		}
		if slices.Contains(p.Definition().Views[0].Columns, "private_metadata") {
			private = append(private, p.Name())
		}
	}
	if want := []string{"users", "organizations", "organization_memberships", "organization_invitations"}; !slices.Equal(private, want) {
		t.Errorf("%v have it, want %v", private, want)
	}
	if Hash(with) == Hash(all) {
		t.Error("the hash does not tell")
	}
	b := newTables(t, with...)
	for name, want := range map[string]string{
		"user.updated": `{"risk_score": 7}`, "organization.updated": `{"ledger": "bm-17"}`, "organizationMembership.updated": `{"salary_band": "C"}`,
		"organizationInvitation.created": `{}`,
	} {
		e := sampleKept(t, name)
		p := projectionOf(t, with, &e)
		b.write(t, p, e)
		if have := value[string](t, b, `select private_metadata from v.`+p.Name()); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}

// sampleKept is a sample as an ingest lets it pass that keeps private metadata.
func sampleKept(t *testing.T, name string) events.Event {
	t.Helper()
	e, _ := events.New(events.Intake{ID: "msg", Instance: "prod", Source: events.SourceWebhook, Received: after, KeepPrivateMetadata: true}, body(t, name))
	return e
}
