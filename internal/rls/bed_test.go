package rls

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// bed is a database with a live generation of every read model, made from the definitions as the projector does, and with a service's own tables, protected by
// what Protect writes.
type bed struct {
	conn *pgx.Conn
	// login is the service's: a member of clerkstream_tenant and nothing else.
	login string
}

// orders is a service's own table, as far from Clerk as its columns go: checks, an enum, a parent, a child, a partitioned one.
const orders = `
create schema shop;
create type shop.size as enum ('small', 'large');
create domain shop.email as text check (value ~ '@');
create table shop.customers (
  organization_id text not null,
  id bigint generated always as identity,
  email shop.email not null,
  primary key (organization_id, id),
  unique (organization_id, email)
);
create table shop.orders (
  organization_id text not null check (organization_id ~ '^org_[0-9A-Za-z]{27}$'),
  id uuid not null default gen_random_uuid() primary key,
  customer_id bigint not null,
  placed_by text not null,
  status text not null check (status in ('open', 'paid', 'cancelled')),
  size shop.size not null,
  total numeric(10, 2) not null check (total between 0 and 500),
  currency char(3) not null check (currency = upper(currency) and currency ~ '^[A-Z]{3}$'),
  tags text[] not null,
  details jsonb not null,
  placed_at timestamptz not null,
  due date not null,
  foreign key (organization_id, customer_id) references shop.customers (organization_id, id)
);
create index on shop.orders (organization_id, placed_at);
create table shop.events (organization_id text not null, id bigserial, happened_at timestamptz not null, primary key (id, happened_at)) partition by range (happened_at);
create table shop.events_now partition of shop.events for values from ('2000-01-01') to ('2100-01-01');
create table shop.carts (user_id text not null primary key, content jsonb not null);
create table shop.drafts (organization_id text not null, user_id text not null, id uuid primary key default gen_random_uuid(), text varchar(20) not null);
-- What belongs to whom its order belongs to, by a policy of somebody's own.
create table shop.lines (order_id uuid not null references shop.orders, line smallint not null, item text not null, primary key (order_id, line));
alter table shop.lines enable row level security, force row level security;
create policy "of the order" on shop.lines for all to clerkstream_tenant
  using (exists (select from shop.orders o where o.id = order_id)) with check (exists (select from shop.orders o where o.id = order_id));
grant select, insert, update, delete on shop.lines to clerkstream_tenant;
-- Everybody's, and so no business of policies.
create table shop.currencies (code text primary key);
grant select on shop.currencies to clerkstream_tenant;`

// protections are the service's tables.
func protections() []*Protection {
	org := Ownership{OrgColumn: "organization_id"}
	return []*Protection{
		{Schema: "shop", Table: "customers", Owner: org},
		{Schema: "shop", Table: "orders", Owner: org},
		{Schema: "shop", Table: "events", Owner: org, Verbs: []string{"select", "insert"}},
		{Schema: "shop", Table: "carts", Owner: Ownership{UserColumn: "user_id"}},
		{Schema: "shop", Table: "drafts", Owner: Ownership{OrgColumn: "organization_id", UserColumn: "user_id"}},
	}
}

// model is the bed that is made once and cloned for each test.
const model = "rls_bed"

var (
	makeModel sync.Once
	clones    atomic.Int64
)

func newBed(t *testing.T) *bed {
	t.Helper()
	server := stack.Postgres(t)
	makeModel.Do(func() {
		// The one that testkit migrates. No connection may be left on a database that is cloned.
		err := server.CreateDatabase(t.Context(), model, "migrated")
		var conn *pgx.Conn
		if err == nil {
			conn, err = pgx.Connect(t.Context(), server.URL(model))
		}
		if err == nil {
			err = errors.Join((&bed{conn, shopLogin}).prepare(t.Context()), conn.Close(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	name := fmt.Sprintf("%s_%d", model, clones.Add(1))
	if err := server.CreateDatabase(t.Context(), name, model); err != nil {
		t.Fatal(err)
	}
	return &bed{testkit.Connect(t, server.URL(name)), shopLogin}
}

// shopLogin belongs to the whole server, as roles do; what a test makes of it is rolled back.
const shopLogin = "shop_api"

func (b *bed) prepare(ctx context.Context) error {
	for _, statement := range []string{"grant create on database " + model + " to " + projections.RoleOwner, orders, "create role " + b.login + " login in role " + projections.RoleTenant} {
		if _, err := b.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	for _, p := range protections() {
		if err := p.Look(ctx, b.conn); err != nil {
			return err
		}
		if err := p.Apply(ctx, b.conn); err != nil {
			return err
		}
	}
	return b.generation(ctx, projections.All())
}

func (b *bed) generation(ctx context.Context, all []projections.Projection) error {
	statements := []string{
		`begin; set local role ` + projections.RoleOwner, `create schema clerk_g1; create schema clerk`,
		`grant usage on schema clerk_g1 to ` + projections.RoleProjector + `, ` + projections.RoleReader,
		`grant usage on schema clerk to ` + projections.RoleReader + `, ` + projections.RoleTenant,
	}
	var tables, views []string
	for _, part := range []func(projections.Definition) []string{
		func(d projections.Definition) []string { return d.CreateTables("clerk_g1") },
		func(d projections.Definition) []string { return d.CreateIndexes("clerk_g1") },
		func(d projections.Definition) []string { return d.Secure("clerk_g1") },
		func(d projections.Definition) []string { return d.CreateViews("clerk", "clerk_g1") },
	} {
		for _, p := range all {
			statements = append(statements, part(p.Definition())...)
		}
	}
	for _, p := range all {
		for _, table := range p.Definition().Tables {
			tables, views = append(tables, table.Name), append(views, table.Name)
		}
	}
	statements = append(statements, fmt.Sprintf(`
insert into clerkstream.generations (service, generation, instance, view_schema, table_schema, definition_hash, read_models, state, tables, views)
values ('shop', 1, 'test', 'clerk', 'clerk_g1', 'x', '{}', 'live', '{%s}', '{%s}')`, strings.Join(tables, ","), strings.Join(views, ",")), "commit")
	_, err := b.conn.Exec(ctx, strings.Join(statements, ";\n"))
	return err
}

// test runs Test in a transaction of the caller's. Whatever is found can be told.
func test(t *testing.T, db Database, cfg Config) *Report {
	t.Helper()
	report, err := Test(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if headings[f.Code] == "" {
			t.Errorf("%s has no heading", f.Code)
		}
	}
	return report
}
