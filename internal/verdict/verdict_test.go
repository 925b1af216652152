package verdict

import (
	"testing"
	"time"
)

func TestEveryKindOfDifferenceIsSeen(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	truth := func() Row {
		return Row{"id": "user_1", "name": "Ada", "banned": false, "count": int64(3), "at": noon, "data": map[string]any{"a": []any{1.0, "x"}}, "none": nil}
	}
	for name, test := range map[string]struct {
		change func(have map[string]Row)
		want   int
	}{
		"nothing":                {func(map[string]Row) {}, 0},
		"a column more":          {func(h map[string]Row) { h["user_1"]["more"] = 1 }, 0},
		"JSON spelled otherwise": {func(h map[string]Row) { h["user_1"]["data"] = map[string]any{"a": []any{int64(1), "x"}} }, 0},
		"another text":           {func(h map[string]Row) { h["user_1"]["name"] = "ada" }, 1},
		"another flag":           {func(h map[string]Row) { h["user_1"]["banned"] = true }, 1},
		"another number":         {func(h map[string]Row) { h["user_1"]["count"] = int64(4) }, 1},
		"another time":           {func(h map[string]Row) { h["user_1"]["at"] = noon.Add(time.Millisecond) }, 1},
		"other JSON":             {func(h map[string]Row) { h["user_1"]["data"] = map[string]any{"a": []any{1.0}} }, 1},
		"something for none":     {func(h map[string]Row) { h["user_1"]["none"] = "" }, 1},
		"none for something":     {func(h map[string]Row) { h["user_1"]["name"] = nil }, 1},
		"a column less":          {func(h map[string]Row) { delete(h["user_1"], "none") }, 1},
		"a row less":             {func(h map[string]Row) { delete(h, "user_1") }, 1},
		"a row more":             {func(h map[string]Row) { h["user_2"] = truth() }, 1},
		"a row more, but open":   {func(h map[string]Row) { h["user_tie"] = truth() }, 0},
	} {
		have := map[string]Row{"user_1": truth()}
		test.change(have)
		want := Expected{
			Rows: map[string]map[string]Row{"users": {"user_1": truth()}},
			Open: map[string]map[string]bool{"users": {"user_tie": true}},
		}
		if found := compareModel("users", want, have); len(found) != test.want {
			t.Errorf("%s: %d differences, want %d: %v", name, len(found), test.want, found)
		}
	}
}

func TestRowsThatAnOpenEntityOwnsAreOpenToo(t *testing.T) {
	t.Parallel()
	want := Expected{Open: map[string]map[string]bool{"users": {"user_tie": true}}}
	have := map[string]Row{"user_tie|email|a@x.example": {}, "user_1|email|b@x.example": {}}
	if found := compareModel("user_identifiers", want, have); len(found) != 1 || found[0].Key != "user_1|email|b@x.example" {
		t.Errorf("found %v", found)
	}
}
