package rls

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// dependents looks at views and functions that lead to protected tables, and past their policies.
func dependents(ctx context.Context, db Database, tables []*relation, logins []login, report *Report) error {
	oids, who := []uint32{}, []string{projections.RoleTenant}
	for _, r := range tables {
		if r.enabled {
			oids = append(oids, r.oid)
		}
	}
	for _, l := range logins {
		who = append(who, l.name)
	}
	if err := views(ctx, db, oids, who, report); err != nil {
		return fmt.Errorf("look at views: %w", err)
	}
	if err := functions(ctx, db, oids, who, report); err != nil {
		return fmt.Errorf("look at functions: %w", err)
	}
	return nil
}

// isInvoker is true of a view c that looks with the eyes of whoever looks.
const isInvoker = `coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes'], false)`

// views that tenants may read and that look at the tables with other eyes than theirs, directly or through other views.
func views(ctx context.Context, db Database, tables []uint32, who []string, report *Report) error {
	rows, err := db.Query(ctx, `
with recursive above (oid) as (
  select r.ev_class from pg_depend d join pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = any($1)
  union
  select r.ev_class from above a join pg_depend d on d.refobjid = a.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid
)
select n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname), c.relkind = 'm', pg_get_userbyid(c.relowner)
from above a join pg_class c on c.oid = a.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and not `+isInvoker+`
  and exists (select from unnest($2::text[]) w where has_schema_privilege(w, n.oid, 'usage') and has_any_column_privilege(w, c.oid, 'select'))
order by 1`, tables, who)
	if err != nil {
		return err
	}
	var (
		name, quoted, owner string
		materialized        bool
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &quoted, &materialized, &owner}, func() error {
		f := Finding{Code: ViewNotInvoker, On: name, Tried: "look at views over protected tables", CameBack: "without security_invoker: policies are asked for " + owner + ", not for who looks",
			Mend: "alter view " + quoted + " set (security_invoker = true);"}
		if materialized {
			f.Code, f.CameBack, f.Mend = MaterializedCopy, "a copy of every tenant's rows, without policies, and tenants may read it", "revoke all on "+quoted+" from "+projections.RoleTenant+";"
		}
		report.add(f)
		return nil
	})
	return err
}

// functions that tenants may call, that look at one of the tables with the eyes of somebody whom no policy holds back, or whom another policy than the
// tenants' lets see more, and that name it or a view above it. Postgres does not know what a function reads, so this goes by the text.
func functions(ctx context.Context, db Database, tables []uint32, who []string, report *Report) error {
	rows, err := db.Query(ctx, `
with recursive leads (oid, oftable, eyes) as ( -- a table, and the views above it; eyes are whose a view looks with, null the caller's
  select t as oid, t as oftable, null::oid from unnest($1::oid[]) t
  union
  select r.ev_class, l.oftable, case when `+isInvoker+` then l.eyes else c.relowner end
  from leads l join pg_depend d on d.refobjid = l.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid join pg_class c on c.oid = r.ev_class
)
select distinct on (1) p.oid::regprocedure::text, o.rolname, n.nspname || '.' || t.relname
from pg_proc p
join pg_namespace f on f.oid = p.pronamespace
join leads on true
join pg_class v on v.oid = leads.oid
join pg_class t on t.oid = leads.oftable
join pg_namespace n on n.oid = t.relnamespace
join pg_roles o on o.oid = coalesce(leads.eyes, p.proowner)
where p.prosecdef and f.nspname !~ '^pg_' and f.nspname <> 'information_schema'
  and (o.rolsuper or o.rolbypassrls or t.relowner = o.oid and not t.relforcerowsecurity
    or exists (select from pg_policy y, unnest(y.polroles) role
      where y.polrelid = t.oid and y.polpermissive and role not in (0, $3::regrole) and pg_has_role(o.oid, role, 'usage')))
  and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* ('\m' || regexp_replace(v.relname, '\W', '.', 'g') || '\M')
  and exists (select from unnest($2::text[]) w where has_function_privilege(w, p.oid, 'execute') and has_schema_privilege(w, f.oid, 'usage'))
order by 1, 3`, tables, who, projections.RoleTenant)
	if err != nil {
		return err
	}
	var name, owner, table string
	_, err = pgx.ForEachRow(rows, []any{&name, &owner, &table}, func() error {
		report.add(Finding{Code: FunctionDefiner, On: "function " + name, Tried: "look at security definer functions that tenants may call", CameBack: "it leads to " + table + " and looks as " + owner + ", whom the tenants' policies do not hold back",
			Mend: "alter function " + name + " security invoker; or revoke execute on function " + name + " from public, " + projections.RoleTenant + ";"})
		return nil
	})
	return err
}
