package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// notes is a table of acme's, beta's and Ada's own notes, whose login is a tenant and nothing else.
const notes = `
create table notes (org text, author text, body text not null);
insert into notes values ('acme', 'ada', 'a1'), ('acme', 'ben', 'a2'), ('beta', 'finn', 'b1'), (null, 'ada', 'own');
alter table notes enable row level security, force row level security;
create policy p on notes for all to clerkstream_tenant
  using (org = (select nullif(current_setting('clerk.org_id', true), '')) or org is null and author = (select nullif(current_setting('clerk.user_id', true), '')))
  with check (org = (select nullif(current_setting('clerk.org_id', true), '')));
grant select, insert on notes to clerkstream_tenant;`

// bed is a database with notes. Every pool of it has one connection, so that each transaction comes after another on the same one.
func bed(t *testing.T) *pgxpool.Pool {
	t.Helper()
	url := stack.Database(t)
	if _, err := testkit.Connect(t, url).Exec(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `set role clerkstream_tenant`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func as(t *testing.T, org, user string) context.Context {
	t.Helper()
	return auth.With(t.Context(), &auth.Identity{Org: org, User: user})
}

type rower interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func bodies(ctx context.Context, q rower) ([]string, error) {
	rows, err := q.Query(ctx, `select body from notes order by body`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// seen is what an identity sees in a transaction of its own.
func seen(ctx context.Context, t *testing.T, pool tenant.Beginner) (all []string) {
	t.Helper()
	if err := tenant.InTx(ctx, pool, func(tx pgx.Tx) (err error) {
		all, err = bodies(ctx, tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func want(t *testing.T, who string, have []string, rows ...string) {
	t.Helper()
	if !slices.Equal(have, rows) {
		t.Errorf("%s sees %v, want %v", who, have, rows)
	}
}

func TestEachIdentitySeesItsOwnRowsOnOneConnection(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	for range 2 {
		want(t, "ada in acme", seen(as(t, "acme", "ada"), t, pool), "a1", "a2", "own")
		want(t, "finn in beta", seen(as(t, "beta", "finn"), t, pool), "b1")
		want(t, "ada without organization", seen(as(t, "", "ada"), t, pool), "own")
		want(t, "a job for beta", seen(as(t, "beta", ""), t, pool), "b1")
	}
}

func TestAnIdentityIsNotLentToTheNextTransaction(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	boom := errors.New("boom")
	ends := map[string]func(pgx.Tx) error{
		"committed":   func(pgx.Tx) error { return nil },
		"rolled back": func(pgx.Tx) error { return boom },
		"panicked":    func(pgx.Tx) error { panic(boom) },
		"failed in Postgres": func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `select 1/0`)
			return err
		},
	}
	for name, end := range ends {
		func() {
			defer func() { _ = recover() }()
			_ = tenant.InTx(as(t, "acme", "ada"), pool, end)
		}()
		have, err := bodies(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "nobody, after a transaction that "+name+",", have)
	}
}

func TestWhatASessionWasLeftWithDoesNotCount(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	if _, err := pool.Exec(t.Context(), `select set_config('clerk.org_id', 'beta', false), set_config('clerk.user_id', 'ada', false)`); err != nil {
		t.Fatal(err)
	}
	want(t, "ben without organization", seen(as(t, "", "ben"), t, pool))
	want(t, "a job for acme", seen(as(t, "acme", ""), t, pool), "a1", "a2")
	// The control: it does count for who does not go through this package.
	have, err := bodies(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the session itself", have, "b1", "own")
}

func TestWithoutAnIdentityNoConnectionIsTaken(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	for name, ctx := range map[string]context.Context{
		"no identity":  t.Context(),
		"nil":          auth.With(t.Context(), nil),
		"names nobody": as(t, "", ""),
	} {
		before := pool.Stat().AcquireCount()
		err := tenant.InTx(ctx, pool, func(pgx.Tx) error { t.Error("ran"); return nil })
		if !errors.Is(err, tenant.ErrNoIdentity) || pool.Stat().AcquireCount() != before {
			t.Errorf("%s: %v after %d connections", name, err, pool.Stat().AcquireCount()-before)
		}
		if err := tenant.Set(ctx, pool); !errors.Is(err, tenant.ErrNoIdentity) {
			t.Errorf("%s: Set: %v", name, err)
		}
	}
}

func TestItCommitsOnlyWhatWentWell(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	acme := as(t, "acme", "ada")
	insert := func(tx pgx.Tx, org string) error {
		_, err := tx.Exec(acme, `insert into notes values ($1, 'ada', 'new')`, org)
		return err
	}
	boom := errors.New("boom")
	if err := tenant.InTx(acme, pool, func(tx pgx.Tx) error { return errors.Join(insert(tx, "acme"), boom) }); !errors.Is(err, boom) {
		t.Errorf("fn's error came back as %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = tenant.InTx(acme, pool, func(tx pgx.Tx) error { panic(fmt.Sprint(insert(tx, "acme"))) })
	}()
	var refused *pgconn.PgError
	if err := tenant.InTx(acme, pool, func(tx pgx.Tx) error { return insert(tx, "beta") }); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("a row of beta was answered %v", err)
	}
	if err := tenant.InTx(acme, pool, func(tx pgx.Tx) error { _ = insert(tx, "beta"); return nil }); !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("an error that fn kept to itself was answered %v", err)
	}
	want(t, "acme", seen(acme, t, pool), "a1", "a2", "own")
	if err := tenant.InTx(acme, pool, func(tx pgx.Tx) error { return insert(tx, "acme") }); err != nil {
		t.Error(err)
	}
	want(t, "acme", seen(acme, t, pool), "a1", "a2", "new", "own")
}

func TestOptionsReachTheTransaction(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	ctx := as(t, "acme", "ada")
	err := tenant.InTxWith(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var isolation, readOnly string
		if err := tx.QueryRow(ctx, `select current_setting('transaction_isolation'), current_setting('transaction_read_only')`).Scan(&isolation, &readOnly); err != nil {
			return err
		}
		if isolation != "repeatable read" || readOnly != "on" {
			t.Errorf("isolation is %s, read only %s", isolation, readOnly)
		}
		have, err := bodies(ctx, tx)
		want(t, "ada", have, "a1", "a2", "own")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnOpenTransactionTakesTheIdentity(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	ctx := as(t, "beta", "finn")
	if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := tenant.Set(ctx, tx); err != nil {
			return err
		}
		have, err := bodies(ctx, tx)
		want(t, "finn", have, "b1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Two clients take turns on one server connection, transaction by transaction, as they do behind pgbouncer.
//
//nolint:tparallel // the subtests are, one level down: what comes after needs both clients to be done
func TestBehindATransactionPoolerNobodySeesTheOthersRows(t *testing.T) {
	t.Parallel()
	url := stack.Database(t)
	owner := testkit.Connect(t, url)
	if _, err := owner.Exec(t.Context(), notes); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), fmt.Sprintf(`alter database %s set role = clerkstream_tenant`, pgx.Identifier{owner.Config().Database}.Sanitize())); err != nil {
		t.Fatal(err)
	}
	pool := startPooler(t, url)
	clients := map[string]*pgx.Conn{"acme": pool.connect(t, pgx.QueryExecModeExec), "beta": pool.connect(t, pgx.QueryExecModeExec)}
	rows := map[string][]string{"acme": {"a1", "a2"}, "beta": {"b1"}}
	t.Run("at once", func(t *testing.T) {
		for org, client := range clients {
			t.Run(org, func(t *testing.T) {
				t.Parallel()
				for range 50 {
					want(t, org, seen(as(t, org, ""), t, client), rows[org]...)
				}
			})
		}
	})
	have, err := bodies(t.Context(), clients["acme"])
	if err != nil {
		t.Fatal(err)
	}
	want(t, "acme's client outside of a transaction", have)

	// The controls: it is one connection, and a setting of the session is lent to the other client.
	var one, two int
	_ = clients["acme"].QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&one)
	_ = clients["beta"].QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&two)
	if one == 0 || one != two {
		t.Errorf("the clients are served by %d and %d", one, two)
	}
	if _, err := clients["acme"].Exec(t.Context(), `select set_config('clerk.org_id', 'acme', false)`); err != nil {
		t.Fatal(err)
	}
	if have, err = bodies(t.Context(), clients["beta"]); err != nil {
		t.Fatal(err)
	}
	want(t, "beta's client, which was lent acme's session,", have, "a1", "a2")
}

// The pool's own default is to name prepared statements. Ours has no name even then.
func TestTheIdentityNeedsNoPreparedStatement(t *testing.T) {
	t.Parallel()
	pool := bed(t)
	ctx := as(t, "acme", "ada")
	if err := tenant.InTx(ctx, pool, func(tx pgx.Tx) error {
		var named int
		err := tx.QueryRow(ctx, `select count(*) from pg_prepared_statements where statement like '%set_config%'`, pgx.QueryExecModeExec).Scan(&named)
		if named != 0 {
			t.Errorf("%d prepared statements on the connection", named)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
