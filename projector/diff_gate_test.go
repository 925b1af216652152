package projector

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAToleranceIsRowsOrAShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Tolerance{"0": {}, "100": {Rows: 100}, "1%": {Percent: 1}, "0.5%": {Percent: .5}, "0%": {}} {
		if got, err := ParseTolerance(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "x", "-1", "-1%", "101%", "NaN%", "1.5", "1 %"} {
		if got, err := ParseTolerance(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestExpectationsWithAMistakeAreRefused(t *testing.T) {
	t.Parallel()
	good := `[{"table": "users", "kind": "changed", "columns": ["first_name"]}]`
	if list, err := ReadExpectations(strings.NewReader(good)); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := ReadExpectations(strings.NewReader(`[]`)); err != nil || list == nil {
		t.Errorf("an empty list, which allows nothing, is %v, %v", list, err)
	}
	for _, bad := range []string{
		``, `null`, `{}`, `[{"table": "users"}]`, `[{"kind": "changed"}]`, `[{"table": "users", "kind": "change"}]`,
		`[{"table": "users", "kind": "changed", "column": "first_name"}]`, good + `[]`,
	} {
		if list, err := ReadExpectations(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is %+v", bad, list)
		}
	}
}

func TestTheDiffVerbPrintsWhatItFoundAndRefusesWhatTheGateDoesNotPass(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 20, "ada"))
	o := b.rebuilt(t, b.plantedConfig())
	verb := diffVerb{JSON: true, Samples: 3, MaxChanged: "1"}
	if err := verb.Validate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var refusal *RefusedError
	if err := verb.do(t.Context(), o, &out); !errors.As(err, &refusal) {
		t.Errorf("it ended with %v", err)
	}
	var d Difference
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Differing != 2 || d.Gate == nil || d.Gate.Passed {
		t.Errorf("%v: %s", err, out.String())
	}

	expect := filepath.Join(t.TempDir(), "expect.json")
	list := `[{"table":"users","kind":"changed","columns":["first_name"]},{"table":"users","kind":"column added"},{"table":"users","kind":"column removed"}]`
	if err := os.WriteFile(expect, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	verb = diffVerb{Samples: 3, Expect: expect}
	if err := verb.Validate(); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := verb.do(t.Context(), o, &out); err != nil {
		t.Errorf("what was expected was refused: %v", err)
	}
	const want = `generation 2 against the live one, 1, both at message 20: 2 rows differ
users: 2 rows changed in first_name
  user_13  first_name: text(3) → text(3)
  user_3  first_name: text(3) → text(3)
users: not compared: only the live one has column image_url text
users: not compared: only generation 2 has column nickname text
the gate is passed
`
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
	for _, bad := range []diffVerb{{MaxChanged: "many"}, {Expect: expect + ".gone"}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}
