package projector

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// made is what was made for a generation, and where it lies at this moment.
type made struct {
	number            int
	viewsIn, tablesIn string
	views, tables     []string
}

func (o *Operator) made(ctx context.Context, q queryer, number int) (m made, err error) {
	var state generationState
	m.number = number
	err = q.QueryRow(ctx, `
select view_schema, table_schema, views, tables, state
from clerkstream.generations
where service = $1 and generation = $2`, o.config.Service, number).Scan(&m.viewsIn, &m.tablesIn, &m.views, &m.tables, &state)
	if err != nil {
		return m, fmt.Errorf("read generation %d of %s: %w", number, o.config.Service, err)
	}
	if state != stateLive {
		m.viewsIn = viewsSchema(m.viewsIn, number)
	}
	return m, nil
}

// strangers lists what others have put into a generation's schemas or made of its tables and views. It would break when they are dropped, and
// go on reading the old generation when readers are switched: a view knows its tables by number, not by name.
func (o *Operator) strangers(ctx context.Context, q queryer, m made) ([]string, error) {
	rows, err := q.Query(ctx, `
with ours as (
  select c.oid, c.reltype
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where (n.nspname = $1 and c.relname = any($2)) or (n.nspname = $3 and c.relname = any($4))
),
schemas as (select oid, nspname from pg_namespace where nspname in ($1, $3))
-- What lies in the schemas.
select format('%s %s.%s is not clerkstream''s', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
    when 'f' then 'foreign table' when 'c' then 'type' else 'table' end, s.nspname, c.relname)
from pg_class c join schemas s on s.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c') and c.oid not in (select oid from ours)
union
select format('function %s.%s is not clerkstream''s', s.nspname, p.proname)
from pg_proc p join schemas s on s.oid = p.pronamespace
union
select format('type %s.%s is not clerkstream''s', s.nspname, t.typname)
from pg_type t join schemas s on s.oid = t.typnamespace
where t.typrelid = 0 and t.typelem = 0
union
-- What hangs on the tables and views from outside.
select format('%s %s.%s depends on it', case v.relkind when 'm' then 'materialized view' else 'view' end, n.nspname, v.relname)
from pg_depend d
join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
join pg_class v on v.oid = r.ev_class
join pg_namespace n on n.oid = v.relnamespace
where d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from ours) and v.oid not in (select oid from ours)
union
select format('policy %s on %s.%s depends on it', p.polname, n.nspname, c.relname)
from pg_depend d
join pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from ours) and c.oid not in (select oid from ours)
union
select format('function %s.%s depends on it', n.nspname, p.proname)
from pg_depend d
join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
join pg_namespace n on n.oid = p.pronamespace
where (d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from ours))
   or (d.refclassid = 'pg_type'::regclass and d.refobjid in (select reltype from ours))
union
select format('constraint %s on %s.%s depends on it', k.conname, n.nspname, c.relname)
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.confrelid in (select oid from ours) and k.conrelid not in (select oid from ours)
union
select format('trigger %s on %s.%s is not clerkstream''s', t.tgname, n.nspname, c.relname)
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where t.tgrelid in (select oid from ours) and not t.tgisinternal
order by 1`, m.viewsIn, m.views, m.tablesIn, m.tables)
	if err != nil {
		return nil, fmt.Errorf("look for what depends on generation %d: %w", m.number, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// grants lists what somebody granted on the views or their schema to roles of their own. A grant stays with the object it was made on, so after a
// switch those roles would read nothing; a membership in our reader role lasts.
func (o *Operator) grants(ctx context.Context, q queryer, m made) ([]string, error) {
	rows, err := q.Query(ctx, `
with given as (
  select 'schema ' || n.nspname as what, a.grantee, n.nspowner as owner
  from pg_namespace n, aclexplode(n.nspacl) a
  where n.nspname = $1
  union all
  select 'view ' || n.nspname || '.' || c.relname, a.grantee, c.relowner
  from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
  where n.nspname = $1 and c.relname = any($2)
)
select distinct format('a grant on %s to %s would stay behind; grant %s to it instead', what, case grantee when 0 then 'public' else grantee::regrole::text end, $4::text)
from given
where grantee <> owner and (grantee = 0 or grantee::regrole::text <> all($3))
order by 1`, m.viewsIn, m.views, []string{projections.RoleOwner, projections.RoleProjector, projections.RoleReader, projections.RoleTenant}, projections.RoleReader)
	if err != nil {
		return nil, fmt.Errorf("look for grants on generation %d: %w", m.number, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// missingGrants lists what our own roles may not read of a generation although they should.
func (o *Operator) missingGrants(ctx context.Context, q queryer, m made) ([]string, error) {
	rows, err := q.Query(ctx, `
select format('%s has no usage of schema %s', r, $1::text)
from unnest($3::text[]) r
where not has_schema_privilege(r, $1, 'usage')
union
select format('%s may not read %s.%s', r, $1::text, v)
from unnest($3::text[]) r, unnest($2::text[]) v
where not has_table_privilege(r, format('%I.%I', $1::text, v), 'select')
order by 1`, m.viewsIn, m.views, []string{projections.RoleReader, projections.RoleTenant})
	if err != nil {
		return nil, fmt.Errorf("look for grants on generation %d: %w", m.number, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
