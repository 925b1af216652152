package rls

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// shape is what an insert has to know of a table.
type shape struct {
	oid     uint32
	name    string // quoted, with its schema
	columns []column
	parents []foreignKey
	checks  []constraint
	keys    []key
}

type column struct {
	name, typ string // typ as SQL says it, with its length
	base      string // the type behind a domain
	category  string // pg_type.typcategory
	label     string // the first one of an enum
	// given says that Postgres has a value of its own for it.
	notNull, given bool
	fallback       string // the default's expression
	generated      bool
}

// needed says that an insert without a value for it fails.
func (c *column) needed() bool { return c.notNull && !c.given && !c.generated }

type foreignKey struct {
	parent            uint32
	columns, referred []string
}

// constraint is a check; values are the literals in its text, which are likely to satisfy it.
type constraint struct {
	name    string
	columns []string
	values  []string
}

// key is a unique index of plain columns.
type key struct {
	name    string
	columns []string
	// guessable says that its values can be guessed: not those of a uuid, nor those that Postgres hands out.
	guessable bool
}

func (s *shape) column(name string) *column {
	i := slices.IndexFunc(s.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &s.columns[i]
}

func loadShape(ctx context.Context, db Database, oid uint32) (*shape, error) {
	s := &shape{oid: oid}
	for _, load := range []func(context.Context, Database) error{s.loadColumns, s.loadConstraints, s.loadKeys} {
		if err := load(ctx, db); err != nil {
			return nil, fmt.Errorf("look at table %d: %w", oid, err)
		}
	}
	return s, nil
}

func (s *shape) loadColumns(ctx context.Context, db Database) error {
	rows, err := db.Query(ctx, `
select format('%I.%I', n.nspname, c.relname), a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, t.typname), t.typcategory::text,
  coalesce((select e.enumlabel from pg_enum e where e.enumtypid = coalesce(b.oid, t.oid) order by e.enumsortorder limit 1), ''),
  a.attnotnull or t.typnotnull, a.atthasdef or a.attidentity <> '' or t.typdefault is not null, a.attgenerated <> '' or a.attidentity = 'a',
  coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
left join pg_type b on b.oid = t.typbasetype
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
order by a.attnum`, s.oid)
	if err != nil {
		return err
	}
	s.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c column, err error) {
		err = row.Scan(&s.name, &c.name, &c.typ, &c.base, &c.category, &c.label, &c.notNull, &c.given, &c.generated, &c.fallback)
		return c, err
	})
	return err
}

// names is a subselect that turns column numbers into names.
func names(of, numbers string) string {
	return `array(select named.attname::text from unnest(` + numbers + `) with ordinality part(n, i) join pg_attribute named on named.attrelid = ` + of + ` and named.attnum = part.n order by part.i)`
}

func (s *shape) loadConstraints(ctx context.Context, db Database) error {
	// A domain's checks are asked of every column of its type.
	rows, err := db.Query(ctx, `
select k.contype::text, k.conname, k.confrelid, `+names("k.conrelid", "k.conkey")+`, `+names("k.confrelid", "k.confkey")+`, pg_get_constraintdef(k.oid)
from pg_constraint k where k.conrelid = $1 and k.contype in ('c', 'f')
union all
select 'c', k.conname, 0, array[a.attname::text], '{}', pg_get_constraintdef(k.oid)
from pg_attribute a join pg_constraint k on k.contypid = a.atttypid where a.attrelid = $1 and a.attnum > 0
order by 2`, s.oid)
	if err != nil {
		return err
	}
	var (
		kind, name, text  string
		parent            uint32
		columns, referred []string
	)
	_, err = pgx.ForEachRow(rows, []any{&kind, &name, &parent, &columns, &referred, &text}, func() error {
		if kind == "f" {
			s.parents = append(s.parents, foreignKey{parent, slices.Clone(columns), slices.Clone(referred)})
		} else {
			s.checks = append(s.checks, constraint{name, slices.Clone(columns), literals(text)})
		}
		return nil
	})
	return err
}

func (s *shape) loadKeys(ctx context.Context, db Database) error {
	rows, err := db.Query(ctx, `
select c.relname, `+names("i.indrelid", "i.indkey::int2[]")+`
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = $1 and i.indisunique and i.indpred is null and i.indexprs is null
order by not i.indisprimary, 1`, s.oid)
	if err != nil {
		return err
	}
	s.keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k key, err error) {
		err = row.Scan(&k.name, &k.columns)
		k.guessable = !slices.ContainsFunc(k.columns, func(name string) bool {
			c := s.column(name)
			return c == nil || c.base == "uuid" || c.given || c.generated
		})
		return k, err
	})
	return err
}
