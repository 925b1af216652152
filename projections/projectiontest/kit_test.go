package projectiontest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// listener is a test that may fail without failing the test around it.
type listener struct {
	testing.TB
	said strings.Builder
}

func (l *listener) Errorf(format string, args ...any) { fmt.Fprintf(&l.said, format+"\n", args...) }

func (l *listener) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	runtime.Goexit()
}

// complaint is what the kit says in a test of its own; empty when it is content.
func complaint(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	l := &listener{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(l)
	}()
	<-done
	return l.said.String()
}

func mustSay(t *testing.T, said string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(said, part) {
			t.Errorf("the kit does not say %q but\n%s", part, said)
		}
	}
	if len(want) == 0 && said != "" {
		t.Errorf("the kit is not content:\n%s", said)
	}
}

// desk is what a made-up read model keeps of a user.
type desk struct {
	Name  string      `json:"name"`
	Since events.Time `json:"created_at"`
	Notes events.JSON `json:"notes"`
	Keys  []string    `json:"keys"`
}

func desks() *projections.State[desk] {
	return &projections.State[desk]{
		Model: "desks", Object: events.ObjectUser,
		Columns: []projections.Column[desk]{
			projections.Text("name", func(d *desk) string { return d.Name }),
			projections.Moment("since", func(d *desk) events.Time { return d.Since }),
			projections.JSONObject("notes", func(d *desk) events.JSON { return d.Notes }),
		},
		Children: []projections.Child[desk]{{
			Name: "desk_keys", Owner: "desk_id", Columns: []projections.ChildColumn{{Name: "key", Type: projections.TypeText, Key: true}},
			Rows: func(d *desk, rows *projections.ChildRows) {
				for _, key := range d.Keys {
					rows.Add(key)
				}
			},
			Tenant: `desk_id = (select nullif(current_setting('clerk.user_id', true), ''))`,
		}},
		Tenant: `id = (select nullif(current_setting('clerk.user_id', true), ''))`,
	}
}

func at(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }

// someDesks is a short history of three users, the last of whom is deleted.
func someDesks() []events.Event {
	return []events.Event{
		Event("user.created", at(0), Data{"id": "user_1", "name": "old", "keys": []string{"front"}}),
		Event("user.created", at(1), Data{"id": "user_2", "name": "two", "created_at": at(0).UnixMilli(), "notes": Data{"b": 1, "a": nil}}),
		Event("user.updated", at(2), Data{"id": "user_1", "name": "new", "keys": []string{"front", "back"}, "created_at": at(0).UnixMilli()}),
		Event("user.created", at(3), Data{"id": "user_3", "name": "gone"}),
		Event("user.deleted", at(4), Data{"id": "user_3"}),
	}
}

func TestARightProjectionPasses(t *testing.T) {
	t.Parallel()
	kit := New(t, desks())
	kit.Given(someDesks()...)
	kit.Then("desks",
		Row{"id": "user_2", "name": "two", "since": noon, "notes": Data{"a": nil, "b": 1.0}},
		Row{"id": "user_1", "name": "new", "since": noon.In(time.FixedZone("", 3600)), "notes": Data{}},
	)
	kit.Then("desk_keys", Row{"key": "back"}, Row{"key": "front"})
	kit.ThenForTenant("", "user_2", "desks", Row{"id": "user_2"})
	kit.ThenForTenant("org_1", "", "desks")
	kit.Given(Event("user.deleted", at(5), Data{"id": "user_2"}))
	kit.Then("desks", Row{"name": "new"})
}

func TestALogPassesAlthoughItKeepsTheOrder(t *testing.T) {
	t.Parallel()
	kit := New(t, &projections.Log[desk]{
		Model: "diary", Objects: []string{"user"},
		Columns: []projections.Column[desk]{projections.Text("name", func(d *desk) string { return d.Name })},
	})
	kit.Given(someDesks()...)
	kit.Given(someDesks()...) // comes again, counts once
	kit.Then("diary",
		Row{"sequence": 1, "type": "user.created", "name": "old"}, Row{"sequence": 2, "type": "user.created", "name": "two"},
		Row{"sequence": 3, "type": "user.updated", "name": "new"}, Row{"sequence": 4, "type": "user.created", "name": "gone"},
		Row{"sequence": 5, "type": "user.deleted"},
	)
}

func TestTheBuiltInProjectionsPassWithEverySample(t *testing.T) {
	t.Parallel()
	samples := everySample(t)
	for _, p := range projections.All() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			kit := New(t, p)
			kit.Orders = 4
			for _, e := range wantedBy(p, samples) {
				if _, err := p.Decode(&e); err == nil { // some samples are poison
					kit.Given(e)
				}
			}
			kit.prove()
		})
	}
}

func everySample(t *testing.T) (samples []events.Event) {
	files, err := filepath.Glob("../../testdata/payloads/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if e := Webhook(body); e.Unrouted == "" {
			samples = append(samples, e)
		}
	}
	return samples
}

func TestWhatIsExpectedWronglyIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then func(*Kit)
		want []string
	}{
		"another value": {
			func(k *Kit) { k.Then("desks", Row{"name": "two"}, Row{"name": "neu"}) },
			[]string{"desks shows who may read everything other rows", `- desks {"name":"neu"}`, `+ desks {"name":"new"}`, "2 user.created of user_2 at 2026-03-01T12:01:00Z"},
		},
		"a row too few":     {func(k *Kit) { k.Then("desks", Row{"name": "two"}) }, []string{`+ desks {"name":"new"}`}},
		"a row twice":       {func(k *Kit) { k.Then("desks", Row{"name": "two"}, Row{"name": "new"}, Row{"name": "new"}) }, []string{`- desks {"name":"new"}`}},
		"a column left out": {func(k *Kit) { k.Then("desks", Row{"id": "user_1", "name": "new"}, Row{"id": "user_2"}) }, []string{`- desks {"id":"user_2","name":null}`}},
		"no rows":           {func(k *Kit) { k.Then("desks") }, []string{`+ desks {"id": "user_1", "name": "new"`}},
		"another tenant": {
			func(k *Kit) { k.ThenForTenant("org_1", "user_2", "desks", Row{"id": "user_1"}) },
			[]string{`shows organization "org_1", user "user_2" other rows`, `- desks {"id":"user_1"}`, `+ desks {"id":"user_2"}`},
		},
		"a column that is not there": {func(k *Kit) { k.Then("desks", Row{"nom": "two"}) }, []string{`no column "nom"; it has [id name since notes]`}},
		"a view that is not there":   {func(k *Kit) { k.Then("chairs") }, []string{"no such view; there are [desks desk_keys]"}},
		"a value of another type":    {func(k *Kit) { k.Then("desks", Row{"since": "noon"}) }, []string{"timestamp"}},
		"no entity":                  {func(k *Kit) { k.Given(Event("user.created", noon, nil)) }, []string{"names no entity"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := complaint(t, func(tb testing.TB) {
				kit := New(tb, desks())
				kit.Orders = 0
				kit.Given(someDesks()...)
				c.then(kit)
			})
			mustSay(t, said, c.want...)
		})
	}
}

func TestEventsThatNobodyWantsProveNothing(t *testing.T) {
	t.Parallel()
	mustSay(t, complaint(t, func(tb testing.TB) {
		kit := New(tb, desks())
		kit.Given(Event("session.created", noon, Data{"id": "sess_1"}))
		kit.Then("desks")
	}), "no projection under test wants any of the 1 events")
}

func TestWhatCannotBeTestedIsSaid(t *testing.T) {
	t.Parallel()
	needy, fickle, calls := desks(), desks(), 0
	needy.Needs = []string{"chairs"}
	mustSay(t, complaint(t, func(tb testing.TB) { New(tb, needy) }), `unknown read model "chairs"`)
	mustSay(t, complaint(t, func(tb testing.TB) { New(tb) }), "there are none")
	mustSay(t, complaint(t, func(tb testing.TB) {
		New(tb, defined{fickle, func(d *projections.Definition) { calls++; d.Revision = calls }})
	}), "another one each time")
	mustSay(t, complaint(t, func(tb testing.TB) {
		New(tb, defined{desks(), func(d *projections.Definition) { d.Views[0].Columns = []string{"nom"} }})
	}), "make the tables", "nom")
}
