package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// oddJSON is what end users could write into their metadata, and what it becomes.
var oddJSON = []struct {
	name, give, want string
	replaced         int
}{
	{"NUL", `{"a":"x\u0000y"}`, `{"a":"x` + "\uFFFD" + `y"}`, 1},
	{"NUL in a name", `{"\u0000":1}`, `{"` + "\uFFFD" + `":1}`, 1},
	{"a lone high surrogate", `["\ud800"]`, `["` + "\uFFFD" + `"]`, 1},
	{"a lone low surrogate", `["x\uDE00y"]`, `["x` + "\uFFFD" + `y"]`, 1},
	{"bytes that are no UTF-8", "[\"a\xffb\"]", `["a` + "\uFFFD" + `b"]`, 1},
	{"a number beyond numeric", `[1e400000]`, `["1e400000"]`, 1},
	{"a number beyond a double", `[1e309]`, `["1e309"]`, 1},
	{"a small number beyond numeric", `[-1E-400000]`, `["-1E-400000"]`, 1},
	{"more digits than numeric has", `[0.` + strings.Repeat("1", 20_000) + `]`, `["0.` + strings.Repeat("1", 20_000) + `"]`, 1},
	{"digits and exponent that are too many together", `[0.` + strings.Repeat("1", 16_300) + `e-300]`, `["0.` + strings.Repeat("1", 16_300) + `e-300"]`, 1},
	{"nesting beyond the parser's stack", nested(10_000), nested(maxDepth)[:maxDepth] + "null" + strings.Repeat("]", maxDepth), 1},
	{"much behind what nests too deep", `[` + nested(maxDepth) + `,{"a" : ["]\"}",-1.50,true,null]} ,1e999]`, `[` + nested(maxDepth)[:maxDepth-1] + "null" + strings.Repeat("]", maxDepth-1) + `,{"a" : ["]\"}",-1.50,true,null]} ,"1e999"]`, 2},
	{"several at once", `{"a\u0000":["\ud800",1e999]}`, `{"a` + "\uFFFD" + `":["` + "\uFFFD" + `","1e999"]}`, 3},
	{"a surrogate pair", `["\ud83d\ude00"]`, `["\ud83d\ude00"]`, 0},
	{"an exponent", `[1.5e+3]`, `[1.5e+3]`, 0},
	{"many digits", `[` + strings.Repeat("7", 150) + `]`, `[` + strings.Repeat("7", 150) + `]`, 0},
}

func TestWhatPostgresCannotHoldIsReplacedAndCounted(t *testing.T) {
	t.Parallel()
	b := newTables(t)
	for _, c := range oddJSON {
		var cl cleaner
		if holdable([]byte(c.give)) {
			t.Errorf("%s: it is taken for harmless", c.name)
		}
		got := cl.json([]byte(c.give))
		if string(got) != c.want || cl.replaced != c.replaced {
			t.Errorf("%s: %.200s with %d replaced, want %.200s with %d", c.name, got, cl.replaced, c.want, c.replaced)
		}
		if !value[bool](t, b, `select $1::text::jsonb is not null`, string(got)) {
			t.Errorf("%s: NULL", c.name)
		}
	}
}

func TestWhatPostgresCanHoldStaysByteForByte(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{}`, `[]`, `null`, `"x"`, `0`, `-1.50`, `true`, "{ \"b\" : 1,\t\"a\" : [ 1 , 2 ]\n}", `{"a":1,"a":2}`, `"\u00e9\n\"\\\/"`, `"\uffff"`, `"Zieliński 😀"`,
		`"e9 E9 1e9"`, `"[[["`, nested(maxDepth), `[` + strings.Repeat("9", 100) + `]`, `[12345678901234567890.12345678901234567890]`,
	} {
		var c cleaner
		if got := c.json([]byte(raw)); string(got) != raw || c.replaced != 0 {
			t.Errorf("%.200s became %.200s, %d replaced", raw, got, c.replaced)
		}
	}
}

func TestTextsAreValidAndKeysFitAnIndex(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		give, text, key string
		replaced        int // of the text
	}{
		{"", "", "", 0},
		{"Zieliński", "Zieliński", "Zieliński", 0},
		{"a\x00b\x00", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD", 1},
		{"a\xff\xfeb", "a\uFFFDb", "a\uFFFDb", 1},
		{strings.Repeat("x", maxKey), strings.Repeat("x", maxKey), strings.Repeat("x", maxKey), 0},
		{strings.Repeat("x", maxKey+1), strings.Repeat("x", maxKey+1), strings.Repeat("x", maxKey), 0},
		{strings.Repeat("x", maxKey-1) + "ß", strings.Repeat("x", maxKey-1) + "ß", strings.Repeat("x", maxKey-1), 0},
	} {
		var text, key cleaner
		if got := text.text(c.give); got != c.text || text.replaced != c.replaced {
			t.Errorf("text %.40q became %.40q, %d replaced", c.give, got, text.replaced)
		}
		if got := key.key(c.give); got != c.key || len(got) > maxKey || (key.replaced > 0) != (c.key != c.give) {
			t.Errorf("key %.40q became %.40q, %d replaced", c.give, got, key.replaced)
		}
	}
}

// FuzzJSON: whatever JSON stands in a body, what becomes of it is something that Postgres takes, and that says the same where nothing was replaced.
func FuzzJSON(f *testing.F) {
	for _, c := range oddJSON {
		f.Add([]byte(c.give))
	}
	for _, raw := range []string{`{"a":[1,2.5,-3e2,true,null,"x"]}`, `"\ud83d"`, `1e308`, `-0`, `[0.0000001e-399]`, `{"":{"":""}}`} {
		f.Add([]byte(raw))
	}
	conn := testkit.Connect(f, Stack.Postgres(f).URL("postgres"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			t.Skip("no JSON, so no body was decoded")
		}
		var c cleaner
		clean := c.json(raw)
		if holdable(raw) && (!bytes.Equal(clean, raw) || c.replaced > 0) {
			t.Fatalf("harmless, and yet replaced by %q", clean)
		}
		if _, err := conn.Exec(context.Background(), `select $1::text::jsonb`, string(clean)); err != nil {
			t.Fatalf("Postgres refuses %q: %v", clean, err)
		}
		if c.replaced > 0 {
			return
		}
		var same bool
		if err := conn.QueryRow(context.Background(), `select $1::text::jsonb = $2::text::jsonb`, string(clean), string(raw)).Scan(&same); err != nil || !same {
			t.Fatalf("%q says something else than %q: %v", clean, raw, err)
		}
	})
}

// FuzzText: whatever text stands in a body, Postgres takes what becomes of it, and an index what becomes of a key.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "x", "\x00", "\xff", "ß\x00\xed\xa0\x80", strings.Repeat("ß", maxKey)} {
		f.Add(s)
	}
	conn := testkit.Connect(f, Stack.Postgres(f).URL("postgres"))
	f.Fuzz(func(t *testing.T, s string) {
		var c cleaner
		text, key := c.text(s), c.key(s)
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") && text != s {
			t.Fatalf("harmless, and yet replaced by %q", text)
		}
		if !strings.HasPrefix(text, key) || len(key) > maxKey {
			t.Fatalf("the key of %q is %q", text, key)
		}
		var back string
		if err := conn.QueryRow(context.Background(), `select $1::text`, pgx.QueryExecModeExec, text).Scan(&back); err != nil || back != text {
			t.Fatalf("Postgres made %q of %q: %v", back, text, err)
		}
	})
}
