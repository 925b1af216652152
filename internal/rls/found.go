package rls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// Database is a connection, or a transaction in the place of one.
type Database interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Found is what a database tells of a table that is to be protected.
type Found struct {
	// sequences feed the table's serial columns; identity columns need no grant for theirs.
	sequences []string
	// indexed says that an index begins with the owner's column.
	indexed bool
	// remarks are what a person should know before running the statements.
	remarks []string
}

// Look holds the protection against the table as it is. It fills in the schema and Found, or says why the statements would not do.
func (p *Protection) Look(ctx context.Context, db Database) error {
	var (
		oid               uint32
		kind              string
		generation, roles bool
	)
	err := db.QueryRow(ctx, `
select c.oid, n.nspname, c.relkind::text,
  exists (select from pg_roles where rolname = $2),
  exists (select from pg_class o join pg_namespace on pg_namespace.oid = o.relnamespace where nspname = 'clerkstream' and relname = 'generations')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass($1)`, p.Name(), projections.RoleTenant).Scan(&oid, &p.Schema, &kind, &roles, &generation)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("there is no table %s", p.Name())
	case err != nil:
		return fmt.Errorf("look for table %s: %w", p.Name(), err)
	case kind != "r" && kind != "p":
		return fmt.Errorf("%s is no table, and only tables have policies; a view obeys those of its tables with (security_invoker = true)", p.Name())
	case !roles:
		return fmt.Errorf("there is no role %s: run clerkstream migrate", projections.RoleTenant)
	}
	if generation {
		if err := p.refuseReadModel(ctx, db); err != nil {
			return err
		}
	}
	p.Found = &Found{}
	if err := p.lookAtJobs(ctx, db); err != nil {
		return err
	}
	if err := p.lookAtColumns(ctx, db, oid); err != nil {
		return err
	}
	return p.lookAround(ctx, db, oid)
}

func (p *Protection) refuseReadModel(ctx context.Context, db Database) error {
	var service string
	err := db.QueryRow(ctx, `select service from clerkstream.generations where table_schema = $1 and state <> 'retired'`, p.Schema).Scan(&service)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for generations: %w", err)
	}
	return fmt.Errorf("%s is a read model of %s: its policy is the Tenant condition of its projection", p.Name(), service)
}

// lookAtJobs makes sure that no tenant is among those who see every row. Postgres takes "public" for everybody even in quotes.
func (p *Protection) lookAtJobs(ctx context.Context, db Database) error {
	var tenants []string
	err := db.QueryRow(ctx, `
select array(select w from unnest($1::text[]) w left join pg_roles r on r.rolname = w
  where w = 'public' or pg_has_role($2, r.oid, 'member'))`, append([]string{}, p.AllRows...), projections.RoleTenant).Scan(&tenants)
	if err != nil {
		return fmt.Errorf("look for roles: %w", err)
	}
	if len(tenants) > 0 {
		return fmt.Errorf("%s: every tenant is %s, and would see all rows", p.Name(), strings.Join(tenants, " and "))
	}
	return nil
}

// lookAtColumns makes sure of the columns. Clerk's ids are text: a column of another type could never be equal to one.
func (p *Protection) lookAtColumns(ctx context.Context, db Database, oid uint32) error {
	rows, err := db.Query(ctx, `
select a.attname, t.typcategory = 'S', format_type(a.atttypid, a.atttypmod), a.attnotnull
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped`, oid)
	if err != nil {
		return fmt.Errorf("look at %s: %w", p.Name(), err)
	}
	var (
		name, typ       string
		isText, notNull bool
		seen, wrong     []string
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &isText, &typ, &notNull}, func() error {
		if name != p.Owner.OrgColumn && name != p.Owner.UserColumn {
			return nil
		}
		seen = append(seen, name)
		if !isText {
			wrong = append(wrong, fmt.Sprintf("%s is %s; Clerk's ids are text", quote(name), typ))
		} else if !notNull {
			p.Found.remarks = append(p.Found.remarks, fmt.Sprintf("%s may be null; nobody but a job sees a row where it is. To rule that out:\nalter table %s alter column %[1]s set not null;",
				quote(name), p.Name()))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at %s: %w", p.Name(), err)
	}
	for _, column := range []string{p.Owner.OrgColumn, p.Owner.UserColumn} {
		if column != "" && !slices.Contains(seen, column) {
			wrong = append(wrong, "there is no column "+quote(column))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %s", p.Name(), strings.Join(wrong, "; "))
	}
	return nil
}

// lookAround finds what else the statements touch or have to live with: sequences, indexes, and policies that add up with the new one.
func (p *Protection) lookAround(ctx context.Context, db Database, oid uint32) error {
	var others []string
	err := db.QueryRow(ctx, `
select
  array(select d.objid::regclass::text from pg_depend d join pg_class s on s.oid = d.objid
    where d.classid = 'pg_class'::regclass and d.refobjid = $1 and d.deptype = 'a' and s.relkind = 'S' order by 1),
  exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = $1 and i.indpred is null and a.attname = any($2)),
  array(select format('policy %I lets %s too', polname, pg_get_expr(polqual, polrelid)) from pg_policy
    where polrelid = $1 and polpermissive and polname <> all($3) and (0 = any(polroles) or $4::regrole = any(polroles)) order by 1)`,
		oid, []string{p.Owner.OrgColumn, p.Owner.UserColumn}, []string{PolicyTenant, PolicyAllRows}, projections.RoleTenant).
		Scan(&p.Found.sequences, &p.Found.indexed, &others)
	if err != nil {
		return fmt.Errorf("look around %s: %w", p.Name(), err)
	}
	if len(others) > 0 {
		p.Found.remarks = append(p.Found.remarks, "Policies add up, and the table has more than this one:\n"+strings.Join(others, "\n"))
	}
	return nil
}

// Apply runs the statements in one transaction.
func (p *Protection) Apply(ctx context.Context, db Database) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// Row level security is switched on under an exclusive lock: behind a long query everybody would queue up.
		if _, err := tx.Exec(ctx, `set local lock_timeout = '5s'`); err != nil {
			return err
		}
		for _, statement := range p.Statements() {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}
