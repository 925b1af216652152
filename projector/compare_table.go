package projector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// tableColumn is what the catalog says of a column. key is its place in the primary key, -1 outside of it.
type tableColumn struct {
	name, typ string
	key       int
}

// tablesIn reads the columns of some tables of a schema, in their order.
func tablesIn(ctx context.Context, q queryer, schema string, tables []string) (map[string][]tableColumn, error) {
	rows, err := q.Query(ctx, `
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(array_position(k.indkey::int2[], a.attnum), -1)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_index k on k.indrelid = c.oid and k.indisprimary
where c.relnamespace = case when $1 = 'pg_temp' then pg_my_temp_schema() else (select oid from pg_namespace where nspname = $1) end
  and c.relkind = 'r' and c.relname = any($2)
order by c.relname, a.attnum`, schema, tables)
	if err != nil {
		return nil, fmt.Errorf("read columns of %s: %w", schema, err)
	}
	found := map[string][]tableColumn{}
	var (
		table string
		c     tableColumn
	)
	if _, err := pgx.ForEachRow(rows, []any{&table, &c.name, &c.typ, &c.key}, func() error {
		found[table] = append(found[table], c)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read columns of %s: %w", schema, err)
	}
	return found, nil
}

// tablePair is a table that both sides have, and the SQL to compare it. Every value is compared as its text under collation C, byte by byte: jsonb's
// own equality would take 1 for 1.0, and two collations would refuse to be compared.
type tablePair struct {
	table string
	// keys are the primary key, if both sides have the same; without one, rows are compared as a multiset. columns are all that is compared,
	// those of the key included.
	keys, columns []tableColumn
	only          *restriction
}

// pair finds out what of a table can be compared and lists the rest; nil when it is nothing.
func (c *comparison) pair(name string, live, other []tableColumn, into *TableComparison) *tablePair {
	switch {
	case live == nil && other == nil:
		return nil
	case live == nil:
		into.Apart = append(into.Apart, Apart{Kind: ChangeTableAdded})
		return nil
	case other == nil:
		into.Apart = append(into.Apart, Apart{Kind: ChangeTableRemoved})
		return nil
	}
	p := &tablePair{table: name}
	if only, limited := c.only[name]; limited {
		p.only = &only
	}
	for _, col := range live {
		twin := columnNamed(other, col.name)
		switch {
		case slices.Contains(c.ignore, col.name):
		case twin == nil:
			into.Apart = append(into.Apart, Apart{Kind: ChangeColumnRemoved, Column: col.name, Live: col.typ})
		case twin.typ != col.typ:
			into.Apart = append(into.Apart, Apart{Kind: ChangeColumnType, Column: col.name, Live: col.typ, Other: twin.typ})
		default:
			p.columns = append(p.columns, col)
		}
	}
	for _, col := range other {
		if columnNamed(live, col.name) == nil && !slices.Contains(c.ignore, col.name) {
			into.Apart = append(into.Apart, Apart{Kind: ChangeColumnAdded, Column: col.name, Other: col.typ})
		}
	}
	if len(p.columns) == 0 {
		return nil
	}
	if keys := keyOf(live); len(keys) > 0 && slices.Equal(keys, keyOf(other)) {
		p.keys = keys
	}
	return p
}

func columnNamed(columns []tableColumn, name string) *tableColumn {
	for i := range columns {
		if columns[i].name == name {
			return &columns[i]
		}
	}
	return nil
}

func keyOf(columns []tableColumn) []tableColumn {
	keys := slices.DeleteFunc(slices.Clone(columns), func(c tableColumn) bool { return c.key < 0 })
	slices.SortFunc(keys, func(a, b tableColumn) int { return a.key - b.key })
	return keys
}

// arguments are those of every statement: of content none but the restriction's.
func (p *tablePair) arguments(more ...any) []any {
	if p.only != nil {
		return append([]any{p.only.values}, more...)
	}
	return more
}

// from is the table in a schema as t, without the rows that are not asked for.
func (p *tablePair) from(schema string) string {
	from := ` from ` + pgx.Identifier{schema, p.table}.Sanitize() + ` t`
	if p.only != nil {
		from += ` where ` + text("t", p.only.column) + ` = any($1)`
	}
	return from
}

func text(row, column string) string {
	return `(` + row + `.` + pgx.Identifier{column}.Sanitize() + `::text collate "C")`
}

// rowHash is the hash of a whole row. The text of a record tells NULL from an empty string and quotes what it has to.
func (p *tablePair) rowHash() string {
	names := make([]string, len(p.columns))
	for i, c := range p.columns {
		names[i] = `t.` + pgx.Identifier{c.name}.Sanitize()
	}
	return `hashtextextended(row(` + strings.Join(names, ", ") + `)::text collate "C", 0)`
}

// content counts the rows and sums their hashes, which is the same in any order.
func (p *tablePair) content(schema string) string {
	return `select count(*), coalesce(sum(` + p.rowHash() + `), 0)::text` + p.from(schema)
}

// hashed is each row's key, as texts, and its hash. Without a key that is the hash itself and a number that counts equal rows.
func (p *tablePair) hashed(schema string) string {
	if p.keys == nil {
		return `select h::text as key_0, row_number() over (partition by h)::text as key_1, h from (select ` + p.rowHash() + ` as h` + p.from(schema) + `) r`
	}
	columns := make([]string, len(p.keys))
	for i, k := range p.keys {
		columns[i] = fmt.Sprintf("%s as key_%d", text("t", k.name), i)
	}
	return `select ` + strings.Join(columns, ", ") + `, ` + p.rowHash() + ` as h` + p.from(schema)
}

// differences finds the keys whose rows hash differently, which moves only keys and hashes through the join, and reads the rows of those alone.
func (p *tablePair) differences(live, other string) string {
	keys := max(len(p.keys), 1)
	if p.keys == nil {
		keys = 2
	}
	var names, either, joined []string
	for i := range keys {
		k := fmt.Sprintf("key_%d", i)
		names = append(names, k)
		either = append(either, fmt.Sprintf("coalesce(l.%[1]s, o.%[1]s) as %[1]s", k))
		joined = append(joined, fmt.Sprintf("l.%[1]s = o.%[1]s", k))
	}
	list := strings.Join(names, ", ")
	limit := "$1"
	if p.only != nil {
		limit = "$2"
	}
	return `
with differing as materialized (
  select ` + strings.Join(either, ", ") + `, l.h is not null as in_live, o.h is not null as in_other
  from (` + p.hashed(live) + `) l
  full join (` + p.hashed(other) + `) o on ` + strings.Join(joined, " and ") + `
  where l.h is distinct from o.h
), detailed as (
  select ` + list + `, case when not in_live then 'added' when not in_other then 'removed' else 'changed' end as kind, ` + p.details(live, other) + `
), ranked as (
  select *, count(*) over (partition by kind, columns) as rows, row_number() over (partition by kind, columns order by ` + list + `) as place
  from detailed
)
select kind, columns, rows, array[` + list + `], before, after
from ranked
where place <= ` + limit + `
order by kind, columns, place`
}

// details is the end of a select list and the from clause: which columns differ, and all values of both sides.
func (p *tablePair) details(live, other string) string {
	if p.keys == nil {
		return `array[]::text[] as columns, null::text[] as before, null::text[] as after from differing`
	}
	var changed, before, after, ofLive, ofOther []string
	for _, c := range p.columns {
		l, o := text("l", c.name), text("o", c.name)
		changed = append(changed, fmt.Sprintf("case when %s is distinct from %s then %s end", l, o, literal(c.name)))
		before, after = append(before, l), append(after, o)
	}
	for i, k := range p.keys {
		ofLive = append(ofLive, fmt.Sprintf("%s = key_%d", text("l", k.name), i))
		ofOther = append(ofOther, fmt.Sprintf("%s = key_%d", text("o", k.name), i))
	}
	return `case when in_live and in_other then array_remove(array[` + strings.Join(changed, ", ") + `]::text[], null) else array[]::text[] end as columns,
    case when in_live then array[` + strings.Join(before, ", ") + `] end as before,
    case when in_other then array[` + strings.Join(after, ", ") + `] end as after
  from differing
  left join ` + pgx.Identifier{live, p.table}.Sanitize() + ` l on in_live and ` + strings.Join(ofLive, " and ") + `
  left join ` + pgx.Identifier{other, p.table}.Sanitize() + ` o on in_other and ` + strings.Join(ofOther, " and ")
}

// literal is a name as a constant of SQL; none of ours holds a backslash, and standard_conforming_strings is on.
func literal(name string) string { return `'` + strings.ReplaceAll(name, `'`, `''`) + `'` }
