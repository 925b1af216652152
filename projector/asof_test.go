package projector

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/projections"
)

func (o *Operator) mustAsOf(t *testing.T, entity string, at Point) History {
	t.Helper()
	h, err := o.AsOf(t.Context(), AsOfOptions{Entity: entity, At: at})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *History) readModel(t *testing.T, name string) PastState {
	t.Helper()
	for _, s := range h.ReadModels {
		if s.ReadModel == name {
			return s
		}
	}
	t.Fatalf("%s is not in %s", h.Entity, name)
	return PastState{}
}

// is compares a told value with one of the simulator's, or of a table's.
func is(have projections.Value, want any) bool {
	switch w := want.(type) {
	case nil:
		return have.Null
	case time.Time:
		at, err := time.Parse(time.RFC3339, have.Text)
		return err == nil && at.Equal(w)
	case string:
		if have.Type == projections.TypeText {
			return !have.Null && have.Text == w
		}
	}
	var value any
	if have.Null || json.Unmarshal([]byte(have.Text), &value) != nil {
		return false
	}
	text, err := json.Marshal(want)
	if err != nil {
		return false
	}
	var wanted any
	return json.Unmarshal(text, &wanted) == nil && reflect.DeepEqual(value, wanted)
}

// moments is a simulated past: all its messages, and how many of them lie before a time.
type moments struct {
	config   clerksim.Config
	messages []clerksim.Message
}

func newMoments(c clerksim.Config) *moments {
	m := &moments{config: c}
	w := clerksim.NewWorld(c)
	for one, ok := w.Next(); ok; one, ok = w.Next() {
		m.messages = append(m.messages, one)
	}
	return m
}

// draw picks a time at which nothing was happening: envelopes are stamped up to a second beside the change, so a time closer to one than that is on no
// particular side of it.
func (m *moments) draw(random *rand.Rand) (at time.Time, before int) {
	first, last := m.messages[0].Time, m.messages[len(m.messages)-1].Time
	for {
		at = first.Add(time.Duration(random.Int64N(int64(last.Sub(first) + time.Hour)))).Truncate(time.Millisecond)
		before, _ = slices.BinarySearchFunc(m.messages, at, func(one clerksim.Message, at time.Time) int { return one.Time.Compare(at) })
		quiet := func(i int) bool {
			return i < 0 || i >= len(m.messages) || m.messages[i].Time.Sub(at).Abs() > 2*time.Second
		}
		if quiet(before-1) && quiet(before) {
			return at, before
		}
	}
}

// entity picks one that something was told of, more often than not one that was deleted in the end.
func (m *moments) entity(random *rand.Rand) string {
	for {
		one := m.messages[random.IntN(len(m.messages))]
		if strings.HasSuffix(one.Type, ".deleted") || random.IntN(3) == 0 {
			return one.EntityID
		}
	}
}

// truth lives through the same past again, up to then.
func (m *moments) truth(before int) clerksim.Truth {
	w := clerksim.NewWorld(m.config)
	for range before {
		w.Next()
	}
	return w.Truth()
}

func TestAsOfATimeIsWhatWasTrueThen(t *testing.T) {
	t.Parallel()
	m := newMoments(clerksim.Config{Seed: 11, Users: 60, Organizations: 15, Changes: 500})
	b := newBed(t)
	random := rand.New(rand.NewPCG(11, 1))
	end := b.append(t, disorder(m.messages, random))
	b.project(t, b.config(), end)
	o := b.operator(t, b.config())

	seen := map[string]int{}
	for asked := 0; asked < 100; {
		at, before := m.draw(random)
		// Twenty entities of one moment: a truth costs a whole life.
		truth := m.truth(before)
		for range 20 {
			h := o.mustAsOf(t, m.entity(random), Point{Source: at})
			for _, state := range h.ReadModels {
				seen[state.ReadModel]++
				seen[string(state.Presence)]++
				checkPast(t, o, &h, state, truth, at)
			}
			if len(h.ReadModels) > 0 {
				asked++
			}
		}
	}
	for _, want := range []string{string(Present), string(Deleted), string(Absent), "users", "organizations", "organization_memberships", "sessions", "roles"} {
		if seen[want] < 2 {
			t.Errorf("hardly a question was about, or answered with, %s: %v", want, seen)
		}
	}
}

// checkPast compares a told state with the truth. A row that the truth lacks may be told of when its parent was gone, for views hide it by that.
func checkPast(t *testing.T, o *Operator, h *History, state PastState, truth clerksim.Truth, at time.Time) {
	t.Helper()
	name := fmt.Sprintf("%s of %s at %s", state.ReadModel, h.Entity, at.Format(time.RFC3339))
	if truth.Ties[state.ReadModel][h.Entity] {
		return
	}
	want, there := truth.Rows[state.ReadModel][h.Entity]
	if !there {
		if state.Presence == Present && !orphan(t, o, state, at) {
			t.Errorf("%s is told of, and was not there", name)
		}
		return
	}
	if state.Presence != Present {
		t.Errorf("%s was there, and is told to be %s", name, state.Presence)
		return
	}
	for _, c := range state.Columns {
		switch value, compared := want[c.Column]; {
		case c.Column == "user_identifiers":
			sameIdentifiers(t, name, c.Value, truth.Rows["user_identifiers"], h.Entity)
		case compared && !is(c.Value, value):
			t.Errorf("%s.%s is told to be %q, and was %v", name, c.Column, c.Value.Text, value)
		}
		delete(want, c.Column)
	}
	for column := range want {
		t.Errorf("%s.%s is not told", name, column)
	}
}

func orphan(t *testing.T, o *Operator, state PastState, at time.Time) bool {
	t.Helper()
	for _, c := range state.Columns {
		if c.Value.Null || c.Column != "user_id" && c.Column != "organization_id" {
			continue
		}
		h, err := o.AsOf(t.Context(), AsOfOptions{Entity: c.Value.Text, At: Point{Source: at}})
		if err == nil && h.ReadModels[0].Presence == Deleted {
			return true
		}
	}
	return false
}

func sameIdentifiers(t *testing.T, name string, told projections.Value, all map[string]clerksim.Row, user string) {
	t.Helper()
	var have []struct {
		Kind, Value string
		Verified    bool
	}
	if err := json.Unmarshal([]byte(told.Text), &have); err != nil {
		t.Fatal(err)
	}
	n := 0
	for key := range all {
		if strings.HasPrefix(key, user+"|") {
			n++
		}
	}
	if n != len(have) {
		t.Errorf("%s has %d identifiers, and is told to have %d", name, n, len(have))
	}
	for _, one := range have {
		if row := all[user+"|"+one.Kind+"|"+one.Value]; row["verified"] != one.Verified {
			t.Errorf("%s: %s is told to be verified: %t", name, one.Kind, one.Verified)
		}
	}
}

func TestAsOfASequenceIsTheFoldOfThePrefix(t *testing.T) {
	t.Parallel()
	m := newMoments(clerksim.Config{Seed: 12, Users: 30, Organizations: 6, Changes: 200})
	random := rand.New(rand.NewPCG(12, 1))
	all := disorder(m.messages, random)
	b := newBed(t)
	b.project(t, b.config(), b.append(t, all))
	o := b.operator(t, b.config())
	whole := 0
	for range 2 {
		// A second log and a second database, which never had more.
		end := uint64(len(all)/4 + random.IntN(len(all)/2))
		prefix := newBed(t)
		prefix.append(t, all[:end])
		prefix.project(t, prefix.config(), end)
		for range 40 {
			entity := m.entity(random)
			then, now := o.mustAsOf(t, entity, Point{Sequence: end}), o.mustAsOf(t, entity, Point{})
			for i, state := range then.ReadModels {
				if !prefix.holds(t, state, entity) {
					t.Errorf("at message %d %s has another row of %s than it is told to have", end, state.ReadModel, entity)
				}
				if !prefix.holds(t, now.ReadModels[i], entity) {
					whole++
				}
			}
		}
	}
	if whole == 0 {
		t.Error("the end of the log is no different from its middle: this test would not see a wrong end")
	}
}

// holds reports whether the table says of the entity what it is told to.
func (b *bed) holds(t *testing.T, state PastState, entity string) bool {
	t.Helper()
	found := map[string]json.RawMessage{}
	text := value[string](t, b, `select coalesce((select to_jsonb(t)::text from clerk_g1.`+state.ReadModel+` t where id = $1), '{}')`, entity)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	switch state.Presence {
	case Absent:
		return len(found) == 0
	case Deleted:
		return string(found["deleted"]) == "true"
	}
	for _, c := range state.Columns {
		if c.Column == "user_identifiers" || c.Column == "role_permissions" {
			continue
		}
		var want any
		if err := json.Unmarshal(found[c.Column], &want); err != nil {
			return false
		}
		if c.Value.Type == projections.TypeMoment && want != nil {
			at, err := time.Parse(time.RFC3339, want.(string))
			if err != nil {
				t.Fatal(err)
			}
			want = at
		}
		if !is(c.Value, want) {
			return false
		}
	}
	return len(state.Columns) > 0
}
