package architectures

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/internal/rls"
)

// The tenant's login itself, with the identity of one tenant, and whatever SQL somebody gets it to run.
func TestATenantCannotReachAnothersRowsBySQL(t *testing.T) {
	t.Parallel()
	b := shared
	acme, globex := b.company(t, "Acme"), b.company(t, "Globex")
	own, theirs := b.as(t, acme.admin, acme.id).places(t, "anvil"), b.as(t, globex.admin, globex.id).places(t, "globe")
	before := b.stored(t)[globex.id]
	pool, err := pgxpool.New(t.Context(), b.TenantURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	ctx := auth.With(t.Context(), &auth.Identity{User: acme.admin, Org: acme.id})

	for sql, want := range map[string]string{ // rows, or the code of the error
		`select from orders.orders where id = '` + own.ID + `'`:                                                            "1",
		`select from orders.orders where id = '` + theirs.ID + `'`:                                                         "0",
		`select from orders.orders where organization_id = '` + globex.id + `'`:                                            "0",
		`select from (select count(*) n from orders.orders) c where n > 1`:                                                 "0",
		`select from (select max(created_at) n from orders.orders where item = 'globe') c where n is not null`:             "0",
		`update orders.orders set item = 'stolen' where id = '` + theirs.ID + `'`:                                          "0",
		`delete from orders.orders where id = '` + theirs.ID + `'`:                                                         "0",
		`update orders.orders set organization_id = '` + globex.id + `'`:                                                   "42501",
		`insert into orders.orders (organization_id, buyer_id, item, quantity) values ('` + globex.id + `', 'u', 'x', 1)`:  "42501",
		`insert into orders.orders (id, buyer_id, item, quantity) values ('` + theirs.ID + `', 'u', 'x', 1)`:               "1", // and no conflict that would tell of it
		`merge into orders.orders o using (select 1) x on o.id = '` + theirs.ID + `' when matched then delete`:             "0",
		`select from orders.orders where id = '` + theirs.ID + `' for update`:                                              "0",
		`select from clerk.users where id in ('` + globex.admin + `', '` + globex.member + `')`:                            "0",
		`select from clerk.user_identifiers where user_id = '` + globex.admin + `'`:                                        "0",
		`select from clerk.organizations where id = '` + globex.id + `'`:                                                   "0",
		`select from clerk.organization_memberships where organization_id = '` + globex.id + `'`:                           "0",
		`select from clerk.sessions where user_id = '` + globex.admin + `'`:                                                "0",
		`select from orders.orders o join clerk.users u on u.id = o.buyer_id where o.organization_id <> '` + acme.id + `'`: "0",
		`select most_common_vals from pg_stats where schemaname = 'orders' and tablename = 'orders'`:                       "0",
		`truncate orders.orders`: "42501", `alter table orders.orders disable row level security`: "42501", `drop policy clerkstream_tenant on orders.orders`: "42501",
		`select from clerk_g1.users`: "42501", `set local role clerkstream_reader`: "42501", `set local role orders_owner`: "42501", `set local session authorization postgres`: "42501",
		`copy orders.orders to program 'cat'`: "42501",
	} {
		if got := attempt(ctx, pool, sql); got != want {
			t.Errorf("%s: %s, not %s", sql, got, want)
		}
	}
	// Without row level security the statement is refused rather than answered.
	if got := attempt(ctx, pool, `set local row_security = off`, `select from orders.orders`); got != "42501" {
		t.Errorf("with row_security off: %s", got)
	}
	if got := attempt(auth.With(t.Context(), &auth.Identity{User: acme.admin}), pool, `select from orders.orders`); got != "0" {
		t.Errorf("without an organization: %s", got)
	}
	if err := tenant.InTx(t.Context(), pool, func(pgx.Tx) error { return nil }); !errors.Is(err, tenant.ErrNoIdentity) {
		t.Errorf("without an identity: %v", err)
	}
	if rows, err := pool.Exec(t.Context(), `select from orders.orders`); err != nil || rows.RowsAffected() != 0 {
		t.Errorf("on a plain connection: %d rows, %v", rows.RowsAffected(), err)
	}
	if diff := cmp.Diff(before, b.stored(t)[globex.id]); diff != "" || len(before) != 1 {
		t.Errorf("the other tenant's rows: %s", diff)
	}
}

// The control of all of the above: the rows are there to be seen, and nothing but the policy hides them. Everybody else waits for the lock meanwhile.
func TestWithoutThePolicyATenantReachesEverything(t *testing.T) {
	t.Parallel()
	b := shared
	acme, globex := b.company(t, "Acme"), b.company(t, "Globex")
	theirs := b.as(t, globex.admin, globex.id).places(t, "globe")
	for mutation, sees := range map[string]int{
		`select`: 0,
		`alter table orders.orders disable row level security`:                             1,
		`alter policy clerkstream_tenant on orders.orders using (true)`:                    1,
		`create policy oversight on orders.orders for select using (quantity > 0)`:         1,
		`alter policy clerkstream_tenant on orders.orders using (organization_id is null)`: 0,
	} {
		err := pgx.BeginFunc(t.Context(), b.superuser(t), func(tx pgx.Tx) error {
			for _, sql := range []string{mutation, `set local role clerkstream_tenant`, `select set_config('clerk.org_id', '` + acme.id + `', true)`} {
				if _, err := tx.Exec(t.Context(), sql); err != nil {
					return fmt.Errorf("%s: %w", sql, err)
				}
			}
			var seen int
			if err := tx.QueryRow(t.Context(), `select count(*) from orders.orders where id = $1`, theirs.ID).Scan(&seen); err != nil {
				return err
			}
			if seen != sees {
				t.Errorf("%s: the other tenant's order is seen %d times, not %d", mutation, seen, sees)
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Error(err)
		}
	}
}

// errUndo undoes what a statement did.
var errUndo = errors.New("undo")

// attempt runs statements in a tenant's transaction and says how many rows the last one came to, or the code of the error.
func attempt(ctx context.Context, pool *pgxpool.Pool, statements ...string) (outcome string) {
	err := tenant.InTx(ctx, pool, func(tx pgx.Tx) error {
		for _, sql := range statements {
			done, err := tx.Exec(ctx, sql)
			if err != nil {
				return err
			}
			outcome = fmt.Sprint(done.RowsAffected())
		}
		return errUndo
	})
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	if !errors.Is(err, errUndo) {
		return err.Error()
	}
	return outcome
}

// What `clerkstream rls test` says of this very database, with the login that the service has: nothing. And it would say something.
func TestTheDatabaseOfTheExamplesHoldsTenantsApart(t *testing.T) {
	t.Parallel()
	conn := shared.superuser(t)
	report, err := rls.Test(t.Context(), conn, rls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, table := range report.Tables {
		if table.Table == "orders.orders" {
			tried = table.Tries
		}
	}
	if report.Wrong() > 0 || tried == 0 {
		t.Errorf("%d tries with orders.orders; findings: %+v", tried, report.Findings)
	}
}
