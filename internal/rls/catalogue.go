package rls

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// relation is a table that is looked at, as Postgres' catalogue has it.
type relation struct {
	oid                        uint32
	schema, table              string
	owner                      string
	enabled, forced, partition bool
	pages                      int
	// orgLike and userLike are the columns that look as if they held Clerk's ids.
	orgLike, userLike string
	// usable says that tenants have usage of the schema; granted and wide are what they, or everybody, may do with the table: the four verbs, and what no
	// policy is asked for.
	usable        bool
	granted, wide []string
	public        []string // granted to everybody
	policies      []policy
	// model is the generation that the table is a read model of; nil for a service's own.
	model *generation
}

type policy struct {
	name, verb   string
	permissive   bool
	roles        []string // public is everybody
	using, check string
	comment      string
	readsModel   bool // it refers to a table or view of a generation
	forTenant    bool
}

// generation is a live one.
type generation struct {
	service               string
	number                int
	viewsIn, tablesIn     string
	viewNames, tableNames []string
}

func (g *generation) String() string { return fmt.Sprintf("%s, generation %d", g.service, g.number) }

func (r *relation) String() string { return r.schema + "." + r.table }

func (r *relation) quoted() string { return quote(r.schema, r.table) }

// reached says that a tenant can do something with the table.
func (r *relation) reached() bool { return r.usable && len(r.granted)+len(r.wide) > 0 }

func (p *policy) String() string {
	text := fmt.Sprintf("policy %s for %s", quote(p.name), p.verb)
	if !p.permissive {
		text += " (restrictive)"
	}
	if p.using != "" {
		text += " using " + shortened(p.using)
	}
	if p.check != "" && p.check != p.using {
		text += " with check " + shortened(p.check)
	}
	return text
}

var (
	space = regexp.MustCompile(`\s+`)
	// read is how Postgres gives back what Protect and the projections write for a setting.
	read = regexp.MustCompile(`\( SELECT NULLIF\(current_setting\('(clerk\.\w+)'::text, true\), ''::text\) AS "nullif"\)`)
)

func shortened(condition string) string {
	const room = 160
	condition = space.ReplaceAllString(read.ReplaceAllString(condition, "setting $1"), " ")
	if len(condition) > room {
		condition = strings.ToValidUTF8(condition[:room], "") + "…"
	}
	return condition
}

// The names under which people keep Clerk's ids.
const (
	orgNames  = `^(clerk_?)?(org|organi[sz]ation|tenant)(_?id)?$`
	userNames = `^(clerk_?)?(user|owner|author|created_by|member)(_?id)?$`
)

// catalogue is all that is looked at.
type catalogue struct {
	generations []*generation
	relations   []*relation
}

func loadCatalogue(ctx context.Context, db Database) (*catalogue, error) {
	c := &catalogue{}
	hidden, err := c.loadGenerations(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := c.loadRelations(ctx, db, hidden); err != nil {
		return nil, err
	}
	return c, c.loadPolicies(ctx, db)
}

// loadGenerations also returns the schemas that hold generations which nobody reads.
func (c *catalogue) loadGenerations(ctx context.Context, db Database) (hidden []string, err error) {
	rows, err := db.Query(ctx, `
select service, generation, view_schema, table_schema, views, tables, state
from clerkstream.generations where state <> 'retired' order by service, generation`)
	if err == nil {
		var (
			g     generation
			state string
		)
		_, err = pgx.ForEachRow(rows, []any{&g.service, &g.number, &g.viewsIn, &g.tablesIn, &g.viewNames, &g.tableNames, &state}, func() error {
			if state == "live" {
				one := g
				one.viewNames, one.tableNames = slices.Clone(g.viewNames), slices.Clone(g.tableNames)
				c.generations = append(c.generations, &one)
			} else {
				hidden = append(hidden, g.tablesIn)
			}
			return nil
		})
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000") {
		return nil, errors.New("the database has no operational schema: run clerkstream migrate")
	}
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	return hidden, nil
}

func (c *catalogue) loadRelations(ctx context.Context, db Database, hidden []string) error {
	rows, err := db.Query(ctx, `
select c.oid, n.nspname, c.relname, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relpages,
  coalesce((select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname ~* $2 order by a.attnum limit 1), ''),
  coalesce((select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname ~* $3 order by a.attnum limit 1), ''),
  has_schema_privilege($1, n.oid, 'usage'),
  array(select v from unnest(array['select', 'insert', 'update', 'delete']) v
    where has_table_privilege($1, c.oid, v) or v <> 'delete' and has_any_column_privilege($1, c.oid, v)),
  array(select v from unnest(array['truncate', 'references', 'trigger']) v where has_table_privilege($1, c.oid, v)),
  array(select lower(x.privilege_type) from aclexplode(c.relacl) x where x.grantee = 0)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'clerkstream') and n.nspname <> all($4)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by n.nspname, c.relname`, projections.RoleTenant, orgNames, userNames, append([]string{}, hidden...))
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	c.relations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*relation, error) {
		r := &relation{}
		err := row.Scan(&r.oid, &r.schema, &r.table, &r.owner, &r.enabled, &r.forced, &r.partition, &r.pages,
			&r.orgLike, &r.userLike, &r.usable, &r.granted, &r.wide, &r.public)
		for _, g := range c.generations {
			if g.tablesIn == r.schema && slices.Contains(g.tableNames, r.table) {
				r.model = g
			}
		}
		return r, err
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	return nil
}

func (c *catalogue) loadPolicies(ctx context.Context, db Database) error {
	schemas := []string{}
	for _, g := range c.generations {
		schemas = append(schemas, g.tablesIn, g.viewsIn)
	}
	rows, err := db.Query(ctx, `
select p.polrelid, p.polname, p.polpermissive,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
  array(select coalesce((select rolname from pg_roles where oid = r), 'public') from unnest(p.polroles) r)::text[],
  coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''),
  coalesce(obj_description(p.oid, 'pg_policy'), ''),
  exists (select from pg_depend d join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
    where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.polrelid and n.nspname = any($1))
from pg_policy p order by p.polname`, schemas)
	if err != nil {
		return fmt.Errorf("list policies: %w", err)
	}
	byOID := map[uint32]*relation{}
	for _, r := range c.relations {
		byOID[r.oid] = r
	}
	var (
		oid uint32
		p   policy
	)
	_, err = pgx.ForEachRow(rows, []any{&oid, &p.name, &p.permissive, &p.verb, &p.roles, &p.using, &p.check, &p.comment, &p.readsModel}, func() error {
		if r := byOID[oid]; r != nil {
			one := p
			one.roles = slices.Clone(p.roles)
			one.forTenant = slices.Contains(one.roles, "public") || slices.Contains(one.roles, projections.RoleTenant)
			r.policies = append(r.policies, one)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list policies: %w", err)
	}
	return nil
}
