package projections

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// shown is a thing as its view shows it.
type shown struct {
	text, key          *string
	flag               bool
	count              *int64
	at                 *time.Time
	json, list, object *string
}

// Values go to Postgres in its own binary form, written by hand; Postgres and pgx must read the same out of it.
func TestEveryValueComesBackAsItWent(t *testing.T) {
	t.Parallel()
	p := things()
	b := newTables(t, p)
	long := strings.Repeat("Zieliński ", 100_000)
	nothing := shown{list: new("[]"), object: new("{}")}
	with := func(change func(*shown)) shown { s := nothing; change(&s); return s }
	for name, c := range map[string]struct {
		data string
		want shown
	}{
		"nothing":              {``, nothing},
		"nulls":                {`,"text":null,"key":null,"flag":null,"count":null,"at":null,"json":null`, nothing},
		"empty texts":          {`,"text":"","key":""`, nothing},
		"a text":               {`,"text":"x"`, with(func(s *shown) { s.text = new("x") })},
		"a space":              {`,"text":" "`, with(func(s *shown) { s.text = new(" ") })},
		"a long text":          {`,"text":"` + long + `"`, with(func(s *shown) { s.text = &long })},
		"beyond the first":     {`,"text":"\ud83d\ude00"`, with(func(s *shown) { s.text = new("😀") })},
		"a key too long":       {`,"key":"` + strings.Repeat("ß", 300) + `"`, with(func(s *shown) { s.key = new(strings.Repeat("ß", 256)) })},
		"a cut inside a rune":  {`,"key":"x` + strings.Repeat("ß", 300) + `"`, with(func(s *shown) { s.key = new("x" + strings.Repeat("ß", 255)) })},
		"true":                 {`,"flag":true`, with(func(s *shown) { s.flag = true })},
		"zero":                 {`,"count":0`, with(func(s *shown) { s.count = new(int64(0)) })},
		"the least number":     {`,"count":-9223372036854775808`, with(func(s *shown) { s.count = new(int64(math.MinInt64)) })},
		"the greatest number":  {`,"count":9223372036854775807`, with(func(s *shown) { s.count = new(int64(math.MaxInt64)) })},
		"no time":              {`,"at":0`, nothing},
		"a negative time":      {`,"at":-5`, nothing},
		"the first second":     {`,"at":1`, with(func(s *shown) { s.at = new(time.Unix(1, 0)) })},
		"the last in seconds":  {`,"at":999999999999`, with(func(s *shown) { s.at = nil })}, // the year 33658
		"before Postgres' own": {`,"at":946684799`, with(func(s *shown) { s.at = new(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)) })},
		"the first in ms":      {`,"at":1000000000000`, with(func(s *shown) { s.at = new(time.UnixMilli(1_000_000_000_000)) })},
		"a ms":                 {`,"at":1788256800160`, with(func(s *shown) { s.at = new(time.UnixMilli(1_788_256_800_160)) })},
		"the end of 9999":      {`,"at":253402300799999`, with(func(s *shown) { s.at = new(time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)) })},
		"the year 10000":       {`,"at":253402300800000`, nothing},
		"JSON false":           {`,"json":false`, with(func(s *shown) { s.json, s.list, s.object = new("false"), new("false"), new("false") })},
		"JSON empty text":      {`,"json":""`, with(func(s *shown) { s.json, s.list, s.object = new(`""`), new(`""`), new(`""`) })},
		"JSON numbers": {`,"json":[1.50,1e3]`, with(func(s *shown) {
			s.json, s.list, s.object = new(`[1.50, 1000]`), new(`[1.50, 1000]`), new(`[1.50, 1000]`)
		})},
	} {
		e := event("msg", []byte(`{"type":"user.updated","data":{"id":"x"`+c.data+`}}`))
		b.try(t, p, e, func(ctx context.Context, tx pgx.Tx) {
			if have := read(ctx, t, tx); !same(have, c.want) {
				t.Errorf("%s: %+v, want %+v", name, have, c.want)
			}
		})
	}
}

func read(ctx context.Context, t *testing.T, tx pgx.Tx) shown {
	t.Helper()
	rows, err := tx.Query(ctx, `select text, key, flag, count, at, json::text, list::text, object::text from v.things`)
	if err != nil {
		t.Fatal(err)
	}
	have, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (s shown, err error) {
		err = row.Scan(&s.text, &s.key, &s.flag, &s.count, &s.at, &s.json, &s.list, &s.object)
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

func same(a, b shown) bool {
	if (a.at == nil) != (b.at == nil) || a.at != nil && !a.at.Equal(*b.at) {
		return false
	}
	a.at, b.at = nil, nil
	return reflect.DeepEqual(a, b)
}

func TestNothingPastThePostgresYearsIsATime(t *testing.T) {
	t.Parallel()
	for at, want := range map[events.Time]int{maxMoment: 0, maxMoment + 1: 1, 999_999_999_999_999: 1, 0: 0} {
		data, err := json.Marshal(map[string]any{"type": "user.updated", "data": map[string]any{"id": "x", "at": at}})
		if err != nil {
			t.Fatal(err)
		}
		if row := decode(t, things(), event("msg", data)); row.Sanitised != want {
			t.Errorf("%d: %d values were replaced, want %d", at, row.Sanitised, want)
		}
	}
}
