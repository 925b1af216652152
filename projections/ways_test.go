package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
)

// thing has a column of each type and children, so that one read model stands for all.
type thing struct {
	Text  string      `json:"text"`
	Key   string      `json:"key"`
	Flag  bool        `json:"flag"`
	Count *int64      `json:"count"`
	At    events.Time `json:"at"`
	JSON  events.JSON `json:"json"`
	Parts []string    `json:"parts"`
}

func things() *State[thing] {
	return &State[thing]{
		Model: "things", Object: events.ObjectUser,
		Columns: []Column[thing]{
			Text("text", func(v *thing) string { return v.Text }),
			Key("key", func(v *thing) string { return v.Key }),
			Bool("flag", func(v *thing) bool { return v.Flag }),
			Int("count", func(v *thing) *int64 { return v.Count }),
			Moment("at", func(v *thing) events.Time { return v.At }),
			JSON("json", func(v *thing) events.JSON { return v.JSON }),
			JSONArray("list", func(v *thing) events.JSON { return v.JSON }),
			JSONObject("object", func(v *thing) events.JSON { return v.JSON }),
		},
		Indexes: []string{`(key)`},
		Children: []Child[thing]{{
			Name: "parts", Owner: "thing_id", Columns: []ChildColumn{{"part", TypeText, true}, {"long", TypeBool, false}, {"note", TypeText, false}},
			Rows: func(v *thing, rows *ChildRows) {
				for _, part := range v.Parts {
					rows.Add(part, len(part) > 3, v.Text)
				}
			},
		}},
	}
}

// drawThing is any thing, with a liking for what is special to Postgres.
func drawThing(t *rapid.T) map[string]any {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\x00", "a\x00b", `\N`, "\t\n\\.", "'", "\U0010FFFF", "\uFFFD"}))
	v := map[string]any{"text": text.Draw(t, "text"), "key": text.Draw(t, "key"), "flag": rapid.Bool().Draw(t, "flag")}
	if rapid.Bool().Draw(t, "counted") {
		v["count"] = rapid.Int64().Draw(t, "count")
	}
	v["at"] = rapid.Int64Range(-1, 999_999_999_999_999).Draw(t, "at")
	v["json"] = rapid.SampledFrom([]any{nil, true, "x", []any{}, []any{1, "\x00"}, map[string]any{"a\x00": 1.5e300}, 0}).Draw(t, "json")
	v["parts"] = rapid.SliceOfN(text, 0, 3).Draw(t, "parts")
	return v
}

// sizes lie on both sides of where COPY takes over, but are small most of the time: large ones cost most and show the same.
var sizes = rapid.Custom(func(t *rapid.T) int {
	if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
		return rapid.IntRange(copyFrom-1, copyFrom+1).Draw(t, "around")
	}
	return rapid.IntRange(1, 12).Draw(t, "small")
})

func drawEvents(t *rapid.T) []events.Event {
	// Content repeats in a large batch: it is the number of rows that counts there.
	content := rapid.SliceOfN(rapid.Custom(drawThing), 1, 8).Draw(t, "content")
	all := make([]events.Event, sizes.Draw(t, "size"))
	for i := range all {
		data := content[i%len(content)]
		data["id"] = fmt.Sprintf("x_%d", i)
		body, err := json.Marshal(map[string]any{"type": "user.updated", "timestamp": noon.UnixMilli(), "data": data})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = event("msg", body)
	}
	return all
}

// One transaction may write few rows or many, so the same rows come by arrays or by COPY. It must not show.
func TestArraysAndCopyWriteTheSameRows(t *testing.T) {
	t.Parallel()
	p := things()
	b := newTables(t, p)
	rapid.Check(t, func(rt *rapid.T) {
		rows := rowsOf(rt, p, drawEvents(rt))
		tx, err := b.conn.Begin(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		whole := b.content(rt, tx, p, rows)
		// Pieces below the threshold go by arrays only.
		var pieces [][]Row
		for from := 0; from < len(rows); from += copyFrom / 3 {
			pieces = append(pieces, rows[from:min(from+copyFrom/3, len(rows))])
		}
		if cut := b.content(rt, tx, p, pieces...); cut != whole {
			rt.Fatalf("%d rows in one batch and in %d leave different tables", len(rows), len(pieces))
		}
		if copied := b.copied(rt, tx, p, rows); copied != whole {
			rt.Fatalf("%d rows that are copied leave different tables", len(rows))
		}
	})
}

func rowsOf(t *rapid.T, p Projection, all []events.Event) []Row {
	rows := make([]Row, len(all))
	for i := range all {
		row, err := p.Decode(&all[i])
		if err != nil {
			t.Fatal(err)
		}
		rows[i] = row
	}
	return rows
}

// content is what the tables hold after the batches; they are empty again afterwards.
func (b *tables) content(t *rapid.T, tx pgx.Tx, p Projection, batches ...[]Row) string {
	for _, batch := range batches {
		o, err := p.Write(context.Background(), tx, "g", batch)
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Applied) != len(batch) {
			t.Fatalf("%d of %d rows were applied", len(o.Applied), len(batch))
		}
	}
	return b.take(t, tx)
}

// copied is content by COPY, whatever the number of rows.
func (b *tables) copied(t *rapid.T, tx pgx.Tx, p *State[thing], rows []Row) string {
	in := p.input("g")
	children := &input{tables: "g", table: "parts", names: []string{"thing_id", "part", "long", "note"}, types: []ColumnType{TypeText, TypeText, TypeBool, TypeText}}
	for i := range rows {
		in.rows = append(in.rows, encoded{rows[i].fields, rows[i].documents})
		children.rows = unpack(rows[i].children[0], children.rows)
	}
	for _, one := range []*input{in, children} {
		if _, err := one.runCopied(context.Background(), tx, `insert into `+one.target()+` (`+one.columns("")+`) select `+one.columns("input.")+` from input`); err != nil {
			t.Fatal(err)
		}
	}
	return b.take(t, tx)
}

func (b *tables) take(t *rapid.T, tx pgx.Tx) (content string) {
	err := tx.QueryRow(context.Background(), `
select coalesce((select string_agg(r::text, e'\n' order by r.id) from g.things r), '') || e'\n\n' ||
  coalesce((select string_agg(r::text, e'\n' order by r.thing_id, r.part) from g.parts r), '')`).Scan(&content)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(context.Background(), `delete from g.things; delete from g.parts`); err != nil {
		t.Fatal(err)
	}
	return content
}
