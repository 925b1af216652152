package projector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// plantedUsers is the users read model with a fault: users whose id ends in 3 have their first name in capitals. Besides it has nickname more and
// image_url less than the one in use.
func plantedUsers() []projections.Projection {
	all := projections.All()
	users := *all[0].(usersProjection)
	users.Revision += 2
	users.Columns = slices.DeleteFunc(slices.Clone(users.Columns), func(c projections.Column[events.User]) bool {
		return c.Name == "image_url" || c.Name == "first_name"
	})
	users.Columns = append(users.Columns,
		projections.Text("nickname", func(u *events.User) string { return "x" }),
		projections.Text("first_name", func(u *events.User) string {
			if planted(u.ID) {
				return strings.ToUpper(u.FirstName)
			}
			return u.FirstName
		}),
	)
	all[0] = &users
	return all
}

func planted(id string) bool { return strings.HasSuffix(id, "3") }

func (b *bed) plantedConfig() Config {
	c := b.config()
	c.Projections = plantedUsers()
	return c
}

// rebuilt is an operator who has rebuilt with these projections.
func (b *bed) rebuilt(t *testing.T, c Config) *Operator {
	t.Helper()
	o := b.operator(t, c)
	if _, err := o.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func (b *bed) diff(t *testing.T, o *Operator, options DiffOptions) Difference {
	t.Helper()
	d, err := o.Diff(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiffShowsExactlyTheRowsThatAFaultTouchesWhileAWriterGoesOn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	b.until(t, b.fill(t, 10, "FIRST")) // nothing to capitalise
	o := b.rebuilt(t, b.plantedConfig())
	_, _ = b.start(t, b.plantedConfig())
	names, stop := b.writing(t)
	last := uint64(0)
	for range 6 {
		b.generationReaches(t, 2, last+20)
		d := b.diff(t, o, DiffOptions{Samples: 1000, Patience: time.Minute})
		if d.Sequence <= last || d.Live != 1 || d.Generation != 2 || d.Gate != nil {
			t.Errorf("after %d: %+v", last, d)
		}
		last = d.Sequence
		want := map[string]string{}
		for _, n := range names.until(t, d.Sequence) {
			if planted(n.id) {
				want["changed "+n.id] = "first_name"
			}
		}
		if found := differences(d.Tables); len(want) == 0 || len(found) != 1 || !maps.Equal(found["users"], want) {
			t.Errorf("at %d it found %v and should find %v", d.Sequence, found, want)
		}
		for _, table := range d.Tables {
			var want []Apart
			if table.Table == "users" {
				want = []Apart{{ChangeColumnRemoved, "image_url", "text", ""}, {ChangeColumnAdded, "nickname", "", "text"}}
			}
			if !slices.Equal(table.Apart, want) {
				t.Errorf("of %s it lists %+v as apart", table.Table, table.Apart)
			}
		}
	}
	stop()
}

// until lists what had been written at a position. A message may be on the stream a moment before its writer knows.
func (p *published) until(t *testing.T, sequence uint64) []publishedName {
	t.Helper()
	var all []publishedName
	testkit.Eventually(t, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		all = slices.Clone(p.all)
		if len(all) == 0 || all[len(all)-1].sequence < sequence {
			return fmt.Errorf("the writer knows of no message %d", sequence)
		}
		return nil
	})
	return slices.DeleteFunc(all, func(n publishedName) bool { return n.sequence > sequence })
}

func TestDiffOfTheSameCodeFindsNothingAndThatPassesTheGate(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.populate(t)
	o := b.rebuilt(t, b.config())
	if d := b.diff(t, o, DiffOptions{}); d.Differing != 0 || len(d.Tables) != len(o.tableNames()) || d.Gate == nil || !d.Gate.Passed {
		t.Errorf("%+v", d)
	}
	if !value[bool](t, b, `select gate_passed and gate_at is not null from clerkstream.generations where generation = 2`) {
		t.Error("it is not on record")
	}
}

func TestAGenerationThatNobodyFollowsIsBroughtLevelOnlyForTheComparison(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	b.until(t, b.fill(t, 30, "first"))
	c := b.plantedConfig()
	c.DatabaseURL = b.login(t, "differ", "clerkstream_owner", "clerkstream_projector")
	o := b.rebuilt(t, c)
	before := b.stateOf(t, "clerk_g2")
	o.config.MaxBatch = 7
	end := b.fill(t, 40, "SECOND")
	b.until(t, end)
	d := b.diff(t, o, DiffOptions{Samples: 100})
	if found := differences(d.Tables); d.Sequence != end || len(found) != 1 || len(found["users"]) != 3 {
		t.Errorf("at %d of %d it found %v", d.Sequence, end, found) // user_3, 13 and 23 are first, the rest SECOND
	}
	if after := b.stateOf(t, "clerk_g2"); after != before {
		t.Error("the comparison left rows behind")
	}
	if at := value[uint64](t, b, `select sequence from clerkstream.checkpoints where generation = 2`); at >= end {
		t.Errorf("the comparison moved the checkpoint to %d", at)
	}
}

func TestDiffGivesUpOnALiveGenerationThatStaysBehind(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 5, "a"))
	o := b.rebuilt(t, b.plantedConfig())
	_, stop := b.start(t, b.plantedConfig())
	b.generationReaches(t, 2, b.fill(t, 5, "b"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Diff(t.Context(), DiffOptions{Patience: 50 * time.Millisecond}); !errors.Is(err, ErrApart) {
		t.Errorf("it ended with %v", err)
	}
}

func TestDiffNeedsTheBinaryOfTheGenerationThatIsNotLive(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 5, "a"))
	o := b.operator(t, b.config())
	if _, err := o.Diff(t.Context(), DiffOptions{}); !errors.Is(err, ErrNoGeneration) {
		t.Errorf("with one generation it ended with %v", err)
	}
	_ = b.rebuilt(t, b.plantedConfig())
	if _, err := o.Diff(t.Context(), DiffOptions{}); !errors.Is(err, ErrDefinition) || !strings.Contains(err.Error(), "binary of the generation that is not live") {
		t.Errorf("it ended with %v", err)
	}
}

func TestAGateDecidesAndSwitchHeedsIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 100, "ada"))
	o := b.rebuilt(t, b.plantedConfig()) // 10 of 100 rows
	named := Expectation{Table: "users", Kind: ChangeChanged, Columns: []string{"first_name", "last_name"}}
	added := Expectation{Table: "users", Kind: ChangeColumnAdded, Columns: []string{"nickname"}}
	removed := Expectation{Table: "users", Kind: ChangeColumnRemoved}
	tolerate := func(s string) *Tolerance {
		tolerance, err := ParseTolerance(s)
		if err != nil {
			t.Fatal(err)
		}
		return &tolerance
	}
	for _, test := range []struct {
		name    string
		options DiffOptions
		passes  bool
	}{
		{"as many rows as may differ", DiffOptions{MaxChanged: tolerate("10")}, true},
		{"one row more", DiffOptions{MaxChanged: tolerate("9")}, false},
		{"as great a share", DiffOptions{MaxChanged: tolerate("10%")}, true},
		{"a greater share", DiffOptions{MaxChanged: tolerate("9.9%")}, false},
		{"none may", DiffOptions{MaxChanged: tolerate("0%")}, false},
		{"all of it expected", DiffOptions{Expect: []Expectation{named, added, removed}}, true},
		{"a column less expected", DiffOptions{Expect: []Expectation{named, removed}}, false},
		{"the lost column not expected", DiffOptions{Expect: []Expectation{named, added}}, false},
		{"another column expected", DiffOptions{Expect: []Expectation{{"users", ChangeChanged, []string{"last_name"}}, added, removed}}, false},
		{"another kind expected", DiffOptions{Expect: []Expectation{{"users", ChangeAdded, nil}, added, removed}}, false},
		{"another table expected", DiffOptions{Expect: []Expectation{{"roles", ChangeChanged, nil}, added, removed}}, false},
		{"nothing expected", DiffOptions{Expect: []Expectation{}}, false},
		{"expected, but too many", DiffOptions{Expect: []Expectation{named, added, removed}, MaxChanged: tolerate("1")}, false},
		{"last, expected and not too many", DiffOptions{Expect: []Expectation{named, added, removed}, MaxChanged: tolerate("10")}, true},
	} {
		d := b.diff(t, o, test.options)
		if d.Gate == nil || d.Gate.Passed != test.passes || (len(d.Gate.Reasons) == 0) != test.passes {
			t.Errorf("%s: %+v", test.name, d.Gate)
		}
		if onRecord := value[bool](t, b, `select gate_passed from clerkstream.generations where generation = 2`); onRecord != test.passes {
			t.Errorf("%s: on record is %t", test.name, onRecord)
		}
	}
	var refusal *RefusedError
	_ = b.diff(t, o, DiffOptions{MaxChanged: tolerate("9")})
	_ = b.diff(t, o, DiffOptions{}) // a look without a gate decides nothing
	if _, err := o.Switch(t.Context(), SwitchOptions{}); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "comparison") {
		t.Errorf("after a failed gate, switch ended with %v", err)
	}
	_ = b.diff(t, o, DiffOptions{MaxChanged: tolerate("10")})
	if _, err := o.Switch(t.Context(), SwitchOptions{}); err != nil {
		t.Errorf("after a passed gate, switch ended with %v", err)
	}
}

func TestSamplesHoldNoPersonalDataUnlessAsked(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	body := testkit.Body("user.created", noon, testkit.Data{
		"id": "user_1", "first_name": "Ada", "username": "ada_lovelace", "external_id": "ada-x", "banned": true,
		"email_addresses": []any{testkit.Data{"id": "idn_1", "email_address": "ada@x.example"}},
	})
	b.project(t, b.config(), b.Publish(t, "msg_1", body))
	o := b.rebuilt(t, b.config())
	b.exec(t, `update clerk_g1.users set first_name = 'Eve', username = null, banned = false, primary_email = 'eve@x.example', email_addresses = '["eve@x.example"]'`)
	b.exec(t, `update clerk_g1.user_identifiers set value = 'eve@x.example' where kind = 'email'; delete from clerk_g1.user_identifiers where kind <> 'email'`)
	personal := []string{"@", "Ada", "Eve", "ada_lovelace", "ada-x", "lovelace"}
	for _, shown := range []bool{false, true} {
		for _, asJSON := range []bool{false, true} {
			var diffed, verified bytes.Buffer
			d := diffVerb{ShowValues: shown, JSON: asJSON, Samples: 10}
			if err := d.Validate(); err != nil {
				t.Fatal(err)
			}
			if err := d.do(t.Context(), o, &diffed); err != nil {
				t.Fatal(err)
			}
			var refusal *RefusedError
			if err := (&verifyVerb{ShowValues: shown, JSON: asJSON}).do(t.Context(), o, &verified); !errors.As(err, &refusal) {
				t.Fatalf("verify ended with %v", err)
			} else if leaks(err.Error(), personal) != "" {
				t.Errorf("the refusal says %s", err)
			}
			for _, out := range []string{diffed.String(), verified.String()} {
				if leak := leaks(out, personal); (leak != "") != shown {
					t.Errorf("shown %t, it tells %q:\n%s", shown, leak, out)
				}
				if !strings.Contains(out, "user_1") || !strings.Contains(out, "NULL") && !asJSON {
					t.Errorf("it names no row:\n%s", out)
				}
				if asJSON && !json.Valid([]byte(out)) {
					t.Errorf("it is no JSON:\n%s", out)
				}
				if !shown && !asJSON && !strings.Contains(out, "first_name: text(3) → text(3)") {
					t.Errorf("it masks otherwise:\n%s", out)
				}
			}
		}
	}
}

func leaks(out string, personal []string) string {
	for _, p := range personal {
		if strings.Contains(out, p) {
			return p
		}
	}
	return ""
}
