// Package verdict compares a read model with what is true according to somebody else: the simulator's own world. It knows the public contract
// of the views and nothing of the projections behind them, so that a mistake there cannot hide here.
package verdict

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Row is one expected row: column → nil, bool, string, int64, time.Time or any JSON value. A column that is missing is not compared.
type Row = map[string]any

// Expected is what the views must show.
type Expected struct {
	// Rows by read model and key: the values of the key columns joined by "|".
	Rows map[string]map[string]Row
	// Open names entities whose row nobody can foretell (their newest states tie in every clock), by read model and id. Their rows, and the
	// rows they own, may be anything.
	Open map[string]map[string]bool
}

// Difference is one row or column that is not as expected. Want and Have may be personal data: they are for a terminal, never for a log.
type Difference struct {
	ReadModel, Key, Column string
	Want, Have             any
}

func (d Difference) String() string {
	if d.Column == "" {
		return fmt.Sprintf("%s %s: want %v, have %v", d.ReadModel, d.Key, d.Want, d.Have)
	}
	return fmt.Sprintf("%s %s.%s: want %v, have %v", d.ReadModel, d.Key, d.Column, d.Want, d.Have)
}

// owned are the read models whose rows belong to an entity of another one, and their key columns. All others have the key id.
var owned = map[string]struct {
	owner string
	key   []string
}{
	"user_identifiers": {"users", []string{"user_id", "kind", "value"}},
	"role_permissions": {"roles", []string{"role_id", "permission_id"}},
}

// Compare reads every view of the schema and returns how it differs from what is expected, at most limit differences (0: all). rows is the number of
// rows that were compared, by read model.
func Compare(ctx context.Context, conn *pgx.Conn, schema string, want Expected, limit int) (found []Difference, rows map[string]int, err error) {
	views, err := viewsOf(ctx, conn, schema)
	if err != nil {
		return nil, nil, err
	}
	rows = map[string]int{}
	for model := range want.Rows {
		if !slices.Contains(views, model) {
			found = append(found, Difference{ReadModel: model, Want: "a view", Have: "none"})
		}
	}
	for _, view := range views {
		have, err := read(ctx, conn, schema, view)
		if err != nil {
			return nil, nil, err
		}
		rows[view] = len(have)
		found = append(found, compareModel(view, want, have)...)
	}
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, rows, nil
}

func compareModel(model string, want Expected, have map[string]Row) (found []Difference) {
	for _, key := range keysOf(want.Rows[model], have) {
		if want.open(model, key) {
			continue
		}
		wanted, expected := want.Rows[model][key]
		row, there := have[key]
		switch {
		case !there:
			found = append(found, Difference{ReadModel: model, Key: key, Want: "a row", Have: "none"})
		case !expected:
			found = append(found, Difference{ReadModel: model, Key: key, Want: "none", Have: "a row"})
		default:
			found = append(found, compareRow(model, key, wanted, row)...)
		}
	}
	return found
}

func (e Expected) open(model, key string) bool {
	if o, ok := owned[model]; ok {
		id, _, _ := strings.Cut(key, "|")
		return e.Open[model][id] || e.Open[o.owner][id]
	}
	return e.Open[model][key]
}

func compareRow(model, key string, want, have Row) (found []Difference) {
	for _, column := range keysOf(want) {
		value, exists := have[column]
		if !exists || !equal(want[column], value) {
			found = append(found, Difference{model, key, column, want[column], value})
		}
	}
	return found
}

func equal(want, have any) bool {
	switch w := want.(type) {
	case nil:
		return have == nil
	case time.Time:
		h, ok := have.(time.Time)
		return ok && w.Equal(h)
	case string, bool, int64:
		return want == have
	}
	// Everything else is JSON: both sides through the same door, so that 1 and 1.0 are one.
	return reflect.DeepEqual(plain(want), plain(have))
}

func plain(v any) (out any) {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, &out) != nil {
		return string(text)
	}
	return out
}

func keysOf[V any](maps ...map[string]V) []string {
	seen := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			seen[k] = true
		}
	}
	keys := make([]string, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func viewsOf(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	rows, err := conn.Query(ctx, `select viewname from pg_views where schemaname = $1 order by viewname`, schema)
	if err != nil {
		return nil, fmt.Errorf("list views of %s: %w", schema, err)
	}
	views, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(views) == 0 {
		err = fmt.Errorf("schema %s has no views", schema)
	}
	return views, err
}

// read is the one place that asks for all columns: it must see a column that nobody thought of.
func read(ctx context.Context, conn *pgx.Conn, schema, view string) (map[string]Row, error) {
	rows, err := conn.Query(ctx, `select * from `+pgx.Identifier{schema, view}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("read %s.%s: %w", schema, view, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return nil, fmt.Errorf("read %s.%s: %w", schema, view, err)
	}
	key := []string{"id"}
	if o, ok := owned[view]; ok {
		key = o.key
	}
	byKey := make(map[string]Row, len(all))
	for _, row := range all {
		parts := make([]string, len(key))
		for i, column := range key {
			parts[i] = fmt.Sprint(row[column])
		}
		byKey[strings.Join(parts, "|")] = row
	}
	return byKey, nil
}
