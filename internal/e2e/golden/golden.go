// Package golden compares what the views show of one entity with what testdata/rows says they must. Those files were written from the public
// contract of the views, not from what came out.
package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Row is one row by column: text, numbers and booleans as they are, times in RFC 3339, jsonb as JSON.
type Row = map[string]json.RawMessage

// Rows is what one sample makes, by read model. A read model that is missing has no row of the sample's entity.
type Rows map[string][]Row

// Read reads testdata/rows/<sample>.json of the tree at root. A sample without a file makes no rows.
func Read(root, sample string) (Rows, error) {
	text, err := os.ReadFile(filepath.Join(root, "testdata", "rows", sample+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return Rows{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", sample, err)
	}
	var rows Rows
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", sample, err)
	}
	return rows, nil
}

// Samples lists the samples that have a file.
func Samples(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "testdata", "rows", "*.json"))
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files, err
}

// Views is the views of a schema and their columns.
type Views struct {
	schema  string
	columns map[string][]string
}

// ReadViews asks Postgres which views there are.
func ReadViews(ctx context.Context, q Queryer, schema string) (*Views, error) {
	rows, err := q.Query(ctx, `select table_name, column_name from information_schema.columns where table_schema = $1`, schema)
	if err != nil {
		return nil, fmt.Errorf("list columns of %s: %w", schema, err)
	}
	v := &Views{schema: schema, columns: map[string][]string{}}
	var view, column string
	_, err = pgx.ForEachRow(rows, []any{&view, &column}, func() error {
		v.columns[view] = append(v.columns[view], column)
		return nil
	})
	return v, err
}

// Queryer is what a connection and a transaction have in common.
type Queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Columns lists every column as read model and name, joined by a dot.
func (v *Views) Columns() []string {
	var all []string
	for view, columns := range v.columns {
		for _, c := range columns {
			all = append(all, view+"."+c)
		}
	}
	return all
}

// owner is the column with the entity's id; in all other views it is id.
var owner = map[string]string{"user_identifiers": "user_id", "role_permissions": "role_id"}

// Differences compares all views' rows of the entity with want, every column of them, and says what differs, one line each.
func (v *Views) Differences(ctx context.Context, q Queryer, entity string, want Rows) ([]string, error) {
	found := v.misnamed(want)
	text, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, v.comparison(), text, entity)
	if err != nil {
		return nil, fmt.Errorf("compare rows of %s: %w", entity, err)
	}
	only := map[string]*sides{}
	var (
		view        string
		wanted, had Row
	)
	_, err = pgx.ForEachRow(rows, []any{&view, &wanted, &had}, func() error {
		if only[view] == nil {
			only[view] = &sides{}
		}
		only[view].add(wanted, had)
		wanted, had = nil, nil
		return nil
	})
	for _, view := range slices.Sorted(maps.Keys(only)) {
		found = append(found, only[view].describe(view)...)
	}
	return found, err
}

// sides are the rows of one view that only one side has.
type sides struct{ wanted, had []Row }

func (s *sides) add(wanted, had Row) {
	if wanted != nil {
		s.wanted = append(s.wanted, wanted)
	}
	if had != nil {
		s.had = append(s.had, had)
	}
}

// describe names the columns where one row stands against one, else the rows.
func (s *sides) describe(view string) (found []string) {
	if len(s.wanted) == 1 && len(s.had) == 1 {
		for _, column := range slices.Sorted(maps.Keys(s.wanted[0])) {
			if want, have := s.wanted[0][column], s.had[0][column]; !bytes.Equal(want, have) {
				found = append(found, fmt.Sprintf("%s.%s is %s, want %s", view, column, have, want))
			}
		}
		return found
	}
	for _, row := range s.wanted {
		found = append(found, fmt.Sprintf("%s lacks %s", view, row))
	}
	for _, row := range s.had {
		found = append(found, fmt.Sprintf("%s shows, and should not, %s", view, row))
	}
	return found
}

// comparison lists the rows that only one side has. Postgres itself reads the wanted ones into the types of the view, so a time is compared as
// a time and a number as a number.
func (v *Views) comparison() string {
	var parts []string
	for _, view := range slices.Sorted(maps.Keys(v.columns)) {
		name := pgx.Identifier{v.schema, view}.Sanitize()
		id := "id"
		if column, ok := owner[view]; ok {
			id = column
		}
		parts = append(parts, fmt.Sprintf(`
select '%[1]s', w.r, h.r
from (select to_jsonb(jsonb_populate_record(null::%[2]s, e)) r from jsonb_array_elements($1::jsonb -> '%[1]s') e) w
full join (select to_jsonb(t) r from %[2]s t where t.%[3]s = $2) h on w.r = h.r
where w.r is null or h.r is null`, view, name, id))
	}
	return strings.Join(parts, "\nunion all")
}

// misnamed finds wanted rows that do not name every column of their view and no other: what is not named would not be compared.
func (v *Views) misnamed(want Rows) (found []string) {
	for view, rows := range want {
		for _, row := range rows {
			have := slices.Sorted(maps.Keys(row))
			if columns := slices.Sorted(slices.Values(v.columns[view])); !slices.Equal(have, columns) {
				found = append(found, fmt.Sprintf("%s has the columns %v, the wanted row %v", view, columns, have))
			}
		}
	}
	return found
}

// Said reports whether a value says more than the absence of one would: not null, false, or empty.
func Said(value json.RawMessage) bool {
	return !slices.ContainsFunc([]string{"null", "false", "[]", "{}"}, func(nothing string) bool { return bytes.Equal(value, []byte(nothing)) })
}
