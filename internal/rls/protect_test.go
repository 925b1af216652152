package rls

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// What protect prints goes into people's migrations, so it changes only on purpose.
func TestTheSQLIsWhatItWas(t *testing.T) {
	t.Parallel()
	for file, p := range map[string]*Protection{
		"organization.sql": {Schema: "shop", Table: "orders", Owner: Ownership{OrgColumn: "organization_id"}},
		"user.sql":         {Table: "carts", Owner: Ownership{UserColumn: "user_id"}, NoDefault: true, Verbs: []string{"select"}},
		"both.sql":         {Schema: "shop", Table: "drafts", Owner: Ownership{"organization_id", "user_id"}, AllRows: []string{"shop_jobs"}},
	} {
		want, err := os.ReadFile(filepath.Join("testdata", file))
		if have := p.SQL(); err != nil || have != string(want) {
			t.Errorf("%s: %v\n%s", file, err, have)
		}
	}
}

func TestNamesAreTakenAsTheyAreAndQuoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"orders": {"", "orders"}, "shop.orders": {"shop", "orders"}, "Shop.Orders": {"Shop", "Orders"}, `"a.b"."c""d"`: {"a.b", `c"d`}, `order`: {"", "order"},
	} {
		if schema, table, err := ParseTable(text); err != nil || schema != want[0] || table != want[1] {
			t.Errorf("%s: %q.%q, %v", text, schema, table, err)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a.b.c", `"a`, `a"b`, `"a"b`} {
		if schema, table, err := ParseTable(text); err == nil {
			t.Errorf("%s is %q.%q", text, schema, table)
		}
	}
	hostile := `x"; drop table t; --'`
	for _, o := range []Ownership{{OrgColumn: hostile}, {UserColumn: hostile}, {hostile, hostile + "2"}} {
		if back, ok := parseOwnership(o.String()); !ok || back != o {
			t.Errorf("%v came back as %v", o, back)
		}
	}
}

// A hostile name goes to Postgres and comes back as a name.
func TestAHostileNameIsOnlyAName(t *testing.T) {
	t.Parallel()
	conn := testkit.Connect(t, stack.Database(t))
	const hostile = `x"; drop table keep; --'`
	if _, err := conn.Exec(t.Context(), "create table keep (); create table "+quote(hostile)+" (id serial primary key, "+quote(hostile)+" text not null)"); err != nil {
		t.Fatal(err)
	}
	p := &Protection{Table: hostile, Owner: Ownership{OrgColumn: hostile}}
	for range 2 { // running it again changes nothing
		if err := p.Look(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	report := test(t, conn, Config{})
	if report.Wrong() != 0 || len(report.Tables) != 1 || report.Tables[0].Tries < 20 {
		t.Errorf("%+v", report)
	}
	if _, err := conn.Exec(t.Context(), "table keep"); err != nil {
		t.Error(err)
	}
}

func TestATableThatCannotBeProtectedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if _, err := b.conn.Exec(t.Context(), "create table shop.local (organization_id uuid, id int); create view shop.seen as select 1 as organization_id"); err != nil {
		t.Fatal(err)
	}
	org := Ownership{OrgColumn: "organization_id"}
	for text, p := range map[string]*Protection{
		"there is no table":                   {Schema: "shop", Table: "nothing", Owner: org},
		"is no table, and only tables":        {Schema: "shop", Table: "seen", Owner: org},
		"is uuid; Clerk's ids are text":       {Schema: "shop", Table: "local", Owner: org},
		`there is no column "org"`:            {Schema: "shop", Table: "orders", Owner: Ownership{OrgColumn: "org"}},
		`there is no column "user_id"`:        {Schema: "shop", Table: "orders", Owner: Ownership{"organization_id", "user_id"}},
		"is a read model of shop: its policy": {Schema: "clerk_g1", Table: "organization_domains", Owner: org},
	} {
		if err := p.Look(t.Context(), b.conn); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
}

func TestAJobSeesEveryRowByAPolicy(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if _, err := b.conn.Exec(t.Context(), "create role "+b.job()+" login; insert into shop.carts values ('ada', '{}'), ('ben', '{}')"); err != nil {
		t.Fatal(err)
	}
	p := &Protection{Schema: "shop", Table: "carts", Owner: Ownership{UserColumn: "user_id"}, AllRows: []string{b.job()}}
	if err := p.Apply(t.Context(), b.conn); err != nil {
		t.Fatal(err)
	}
	count := func(role string) (n int) {
		if err := pgx.BeginFunc(t.Context(), b.conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "set local role "+role+"; select set_config('clerk.user_id', 'ada', true)"); err != nil {
				return err
			}
			return tx.QueryRow(t.Context(), "select count(*) from shop.carts").Scan(&n)
		}); err != nil {
			t.Error(err)
		}
		return n
	}
	if job, tenant := count(b.job()), count(projections.RoleTenant); job != 2 || tenant != 1 {
		t.Errorf("a job sees %d rows, Ada %d", job, tenant)
	}
	if report := test(t, b.conn, Config{Tables: []string{"carts"}}); report.Wrong() != 0 {
		t.Errorf("found %+v", report.Findings)
	}
	p.AllRows = nil
	if err := p.Apply(t.Context(), b.conn); err != nil {
		t.Fatal(err)
	}
	// What was granted to the job stays; the policy went, and with it the rows.
	if job := count(b.job()); job != 0 {
		t.Errorf("a job whose policy is gone sees %d rows", job)
	}
}

// To "public", quoted or not, is to everybody, and what a tenant is a member of a tenant is too.
func TestATenantIsNoJob(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	tx, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "create role all_tenants; grant all_tenants to clerkstream_tenant; create role job"); err != nil {
		t.Fatal(err)
	}
	for role, refused := range map[string]bool{"public": true, "clerkstream_tenant": true, "all_tenants": true, "job": false} {
		p := &Protection{Schema: "shop", Table: "carts", Owner: Ownership{UserColumn: "user_id"}, AllRows: []string{role}}
		if err := p.Look(t.Context(), tx); (err != nil) != refused {
			t.Errorf("all rows for %s: %v", role, err)
		}
	}
}

func (b *bed) job() string { return b.conn.Config().Database + "_job" }

func TestTenantsAreGrantedWhatIsSaidAndNoMore(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p := &Protection{Schema: "shop", Table: "carts", Owner: Ownership{UserColumn: "user_id"}, Verbs: []string{"select"}}
	if err := p.Apply(t.Context(), b.conn); err != nil {
		t.Fatal(err)
	}
	var may []string
	if err := b.conn.QueryRow(t.Context(), `select array(select v from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) v
where has_table_privilege('clerkstream_tenant', 'shop.carts', v))`).Scan(&may); err != nil || !slices.Equal(may, []string{"select"}) {
		t.Errorf("tenants may %v, %v", may, err)
	}
}

// Who is no superuser plants as the tenant whose row it is.
func TestATableOwnerCanTestToo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	// Roles are the whole server's, so this one is never committed.
	const owner = "shop_owner"
	own := "create role " + owner + ` login in role clerkstream_tenant, clerkstream_reader, clerkstream_projector;
grant usage on schema shop to ` + owner + "; alter table shop.orders owner to " + owner + "; alter table shop.customers owner to " + owner + ";"
	become := "set local session authorization " + owner
	cfg := Config{Tables: []string{"orders", "customers", "carts", "lines", "drafts", "users", "organization_invitations"}}
	if codes, refused := b.found(t, own+become, cfg); refused || len(codes) > 0 {
		t.Errorf("refused %t, found %v", refused, codes)
	}
	for _, condition := range []string{"true", "null"} {
		codes, refused := b.found(t, own+"alter policy clerkstream_tenant on shop.orders using ("+condition+");"+become, cfg)
		if refused || len(codes) == 0 {
			t.Errorf("using (%s): refused %t, found %v", condition, refused, codes)
		}
	}
}

func TestWhoCannotBecomeATenantIsTold(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if _, err := b.conn.Exec(t.Context(), "set session authorization "+b.login); err != nil {
		t.Fatal(err)
	}
	_, err := Test(t.Context(), b.conn, Config{})
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "cannot become "+projections.RoleReader) {
		t.Errorf("got %v", err)
	}
	if _, err := Test(t.Context(), newBed(t).conn, Config{Tables: []string{"no_such_table"}}); err == nil || !strings.Contains(err.Error(), "there is no table no_such_table") {
		t.Errorf("got %v", err)
	}
}
