package projections_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// as runs one statement in a role of its own, within a transaction that is rolled back, and returns how many rows it touched and what
// Postgres refused it with.
func (d *tenancy) as(t *testing.T, role, statement string) (rows int64, refused string) {
	t.Helper()
	tx, err := d.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `set local role `+role); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `select set_config('clerk.org_id', 'acme', true), set_config('clerk.user_id', 'ada', true)`); err != nil {
		t.Fatal(err)
	}
	tag, err := tx.Exec(t.Context(), statement)
	var pg *pgconn.PgError
	if err != nil && !errors.As(err, &pg) {
		t.Fatalf("%s: %v", statement, err)
	}
	if pg != nil {
		return 0, pg.Code
	}
	return tag.RowsAffected(), ""
}

const insufficientPrivilege = "42501"

// tables lists the tables of the read models, each with its first column.
func (d *tenancy) tables(t *testing.T) map[string]string {
	t.Helper()
	rows, err := d.conn.Query(t.Context(), `
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
where c.relnamespace = 'clerk_g1'::regnamespace and c.relkind = 'r'`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var table, column string
	if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error { found[table] = column; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(found) != len(matrix) {
		t.Fatalf("%d tables for %d views", len(found), len(matrix))
	}
	return found
}

func TestATenantReachesTheTablesOnlyThroughTheViewsAndWritesNothing(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	for table, column := range d.tables(t) {
		for _, statement := range []string{
			`select from clerk_g1.` + table,
			`update clerk_g1.` + table + ` set ` + column + ` = 'x'`,
			`delete from clerk.` + table,
			`update clerk.` + table + ` set ` + column + ` = 'x'`,
			`insert into clerk.` + table + ` (` + column + `) values ('x')`,
			`select * from clerkstream.dead_letters`,
		} {
			for _, role := range []string{projections.RoleTenant, projections.RoleReader} {
				if role == projections.RoleReader && statement[:6] == "select" {
					continue
				}
				if _, refused := d.as(t, role, statement); refused != insufficientPrivilege {
					t.Errorf("%s: %s was answered %q", role, statement, refused)
				}
			}
		}
	}
}

func TestTheProjectorWritesEveryRowAndNobodyReadsPastThePolicies(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	for table, column := range d.tables(t) {
		var all int64
		if err := d.conn.QueryRow(t.Context(), `select count(*) from clerk_g1.`+table).Scan(&all); err != nil || all == 0 {
			t.Fatalf("%s has %d rows: %v", table, all, err)
		}
		for _, c := range []struct {
			role, statement string
			want            int64
		}{
			{projections.RoleProjector, `update clerk_g1.` + table + ` set ` + column + ` = ` + column, all},
			{projections.RoleProjector, `delete from clerk_g1.` + table, all},
			{projections.RoleReader, `select from clerk_g1.` + table, all},
			// FORCE holds for the owner too, who has no policy.
			{projections.RoleOwner, `select from clerk_g1.` + table, 0},
		} {
			if rows, refused := d.as(t, c.role, c.statement); rows != c.want || refused != "" {
				t.Errorf("%s: %s touched %d of %d rows and was answered %q", c.role, c.statement, rows, c.want, refused)
			}
		}
	}
}

func TestEveryTableIsUnderForcedRowLevelSecurityAndEveryViewAsksItsInvoker(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	for _, c := range []struct{ what, count string }{
		{"tables under forced row level security", `
select count(*) from pg_class where relnamespace = 'clerk_g1'::regnamespace and relkind = 'r' and relrowsecurity and relforcerowsecurity`},
		{"views that ask their invoker", `
select count(*) from pg_class where relnamespace = 'clerk'::regnamespace and relkind = 'v' and 'security_invoker=true' = any(reloptions)`},
	} {
		var n int
		if err := d.conn.QueryRow(t.Context(), c.count).Scan(&n); err != nil || n != len(matrix) {
			t.Errorf("%d of %d are %s: %v", n, len(matrix), c.what, err)
		}
	}
	for _, role := range []string{projections.RoleOwner, projections.RoleProjector, projections.RoleReader, projections.RoleTenant} {
		var free bool
		if err := d.conn.QueryRow(t.Context(), `select rolsuper or rolbypassrls or rolcanlogin from pg_roles where rolname = $1`, role).Scan(&free); err != nil || free {
			t.Errorf("%s stands above the policies or can log in: %v", role, err)
		}
	}
}
