package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// RowChange is the rows of one entity in one table, before and after. Of an entity's main table it is at most one row.
type RowChange struct {
	Table  string                       `json:"table"`
	Key    string                       `json:"key"`
	Before []map[string]json.RawMessage `json:"before"`
	After  []map[string]json.RawMessage `json:"after"`
}

// tableKey names the rows of one entity in one table.
type tableKey struct{ table, key string }

// rowsByKey is each entity's rows as JSON text.
type rowsByKey map[tableKey]string

// rowsOf reads what the tables of a projection hold of some keys: of each table the rows in whose primary key they come first, which is the id in a main
// table and the owner in a child's. A table without a primary key has nothing by which to find them.
func (s *session) rowsOf(ctx context.Context, tx pgx.Tx, p projections.Projection, keys []string, into rowsByKey) error {
	for _, t := range p.Definition().Tables {
		name := pgx.Identifier{s.generation.tables, t.Name}.Sanitize()
		var column string
		err := tx.QueryRow(ctx, `
select a.attname
from pg_catalog.pg_index i
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = $1::regclass and i.indisprimary and a.atttypid = 'text'::regtype`, name).Scan(&column)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("find the key of %s: %w", t.Name, err)
		}
		key := pgx.Identifier{column}.Sanitize()
		rows, err := tx.Query(ctx, `
select t.`+key+`, jsonb_agg(to_jsonb(t) - $2::text[] order by to_jsonb(t)::text)::text
from `+name+` t
where t.`+key+` = any($1)
group by 1`, keys, derivedColumns)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		var id, text string
		_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error {
			into[tableKey{t.Name, id}] = text
			return nil
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
	}
	return nil
}

// changesBetween lists what differs, in the order of tables and keys.
func changesBetween(before, after rowsByKey) ([]RowChange, error) {
	all := maps.Clone(before)
	maps.Copy(all, after)
	var changes []RowChange
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b tableKey) int {
		return strings.Compare(a.table+"\x00"+a.key, b.table+"\x00"+b.key)
	}) {
		if before[k] == after[k] {
			continue
		}
		c := RowChange{Table: k.table, Key: k.key}
		for _, side := range []struct {
			text string
			rows *[]map[string]json.RawMessage
		}{{before[k], &c.Before}, {after[k], &c.After}} {
			if side.text == "" {
				continue
			}
			if err := json.Unmarshal([]byte(side.text), side.rows); err != nil {
				return nil, fmt.Errorf("read rows of %s: %w", k.table, err)
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// Masked is the change without personal data: ids, versions, booleans and NULL stay, of everything else only kind and length.
func (c RowChange) Masked() RowChange {
	hide := func(rows []map[string]json.RawMessage) (hidden []map[string]json.RawMessage) {
		for _, row := range rows {
			one := map[string]json.RawMessage{}
			for column, value := range row {
				one[column] = maskedJSON(column, value)
			}
			hidden = append(hidden, one)
		}
		return hidden
	}
	return RowChange{c.Table, c.Key, hide(c.Before), hide(c.After)}
}

func maskedJSON(column string, value json.RawMessage) json.RawMessage {
	var (
		text string
		kind = "text"
	)
	switch value[0] {
	case 'n', 't', 'f':
		return value
	case '"':
		if json.Unmarshal(value, &text) != nil || column == "version" || isID(column, text) {
			return value
		}
	case '{', '[':
		kind, text = "jsonb", string(value)
	default:
		kind, text = "number", string(value)
	}
	return json.RawMessage(strconv.Quote(*masked(kind, &text))) // a kind and a number, which need no escape
}
