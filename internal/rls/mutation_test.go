package rls

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// found breaks something in a transaction, runs Test on a table in it, and mends it. refused says that Postgres did not take the change.
func (b *bed) found(t *testing.T, change string, cfg Config) (codes []Code, refused bool) {
	t.Helper()
	tx, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), change); err != nil {
		return nil, true
	}
	for _, f := range test(t, tx, cfg).Findings {
		// A login of another test's may stand in the same server.
		if !f.Advice && (!strings.HasPrefix(f.On, "login ") || f.On == "login "+b.login) {
			codes = append(codes, f.Code)
		}
	}
	return codes, false
}

// catches breaks things and wants each to be found.
func (b *bed) catches(t *testing.T, table string, changes []string) (caught int) {
	t.Helper()
	for _, change := range changes {
		codes, refused := b.found(t, change, Config{Tables: []string{table}})
		switch {
		case refused: // the table has no such column
			continue
		case len(codes) == 0:
			t.Errorf("nobody notices: %s", change)
		}
		caught++
	}
	return caught
}

type mutated struct{ schema, table, name, using string }

func (m mutated) String() string { return m.schema + "." + m.table }

func (b *bed) policies(t *testing.T, schema string) []mutated {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `select schemaname, tablename, policyname, qual from pg_policies where schemaname = $1 order by 2, 3`, schema)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m mutated, err error) {
		err = row.Scan(&m.schema, &m.table, &m.name, &m.using)
		return m, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (m mutated) drop() string {
	return fmt.Sprintf("drop policy %s on %s", quote(m.name), quote(m.schema, m.table))
}

func (m mutated) alter(how string) string {
	return fmt.Sprintf("alter policy %s on %s %s", quote(m.name), quote(m.schema, m.table), how)
}

// The read models: each policy of each table dropped, opened, closed, and turned to every other column and setting.
func TestEveryBrokenPolicyOfAReadModelIsCaught(t *testing.T) {
	t.Parallel()
	const parts = 3
	for part := range parts {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			policies := b.policies(t, "clerk_g1")
			if want := 3*15 - 1; len(policies) != want { // no tenant sees the waitlist
				t.Fatalf("%d policies, want %d", len(policies), want)
			}
			for i, p := range policies {
				if i%parts != part {
					continue
				}
				changes := []string{p.drop(), p.alter("using (null)")}
				switch p.name {
				case "tenant":
					changes = append(changes, p.alter("using (true)"))
					changes = append(changes, p.turned([]string{"user_id", "organization_id", "id", "value", "version"})...)
				case "projector":
					changes = append(changes, p.alter("to public"), p.alter("with check (null)"))
				default:
					changes = append(changes, p.alter("to public"))
				}
				caught := b.catches(t, "clerk."+p.table, changes)
				if p.name == "tenant" && !slices.Contains([]string{"roles", "role_permissions", "permissions"}, p.table) && caught < 4 {
					t.Errorf("only %d changes of %s were tried", caught, p)
				}
			}
		})
	}
}

// A service's own tables, those of a test and that of examples/orders: the same, for using and for check.
func TestEveryBrokenPolicyOfAServiceIsCaught(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]int{"shop": 6, "orders": 1} {
		t.Run(schema, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.addExample(t)
			policies := b.policies(t, schema)
			if len(policies) != want {
				t.Fatalf("%d policies, want %d", len(policies), want)
			}
			b.breakOwn(t, policies)
		})
	}
}

// addExample runs the migration of examples/orders.
func (b *bed) addExample(t *testing.T) {
	t.Helper()
	migration, err := os.ReadFile("../../examples/orders/schema/001_orders.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(migration), "---- create above")
	if _, err := b.conn.Exec(t.Context(), "create schema orders; "+up); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) breakOwn(t *testing.T, policies []mutated) {
	t.Helper()
	for _, p := range policies {
		table := quote(p.schema, p.table)
		changes := []string{
			p.drop(), p.alter("using (true)"), p.alter("using (true) with check (true)"), p.alter("using (null)"), p.alter("using (null) with check (null)"), p.alter("with check (null)"),
			p.alter("with check (true)"), p.alter("to clerkstream_reader"),
			"create policy more on " + table + " for select to public using (true)",
			"create policy more on " + table + " for insert to clerkstream_tenant with check (true)",
			"create policy less on " + table + " as restrictive to clerkstream_tenant using (null)",
		}
		if p.table == "orders" { // which has all that others have
			changes = append(changes,
				"alter table "+table+" no force row level security",
				"alter table "+table+" disable row level security",
				"grant truncate on "+table+" to clerkstream_tenant",
				"grant select on "+table+" to public",
				"create view shop.all_of_it as select * from "+table+"; grant select on shop.all_of_it to clerkstream_tenant",
				"create materialized view shop.all_of_it as select * from "+table+"; grant select on shop.all_of_it to clerkstream_tenant",
				"create function shop.leak() returns setof "+table+" security definer language sql as 'select * from "+p.String()+"'")
		}
		if p.table != "events" { // update is not granted there
			changes = append(changes, "create policy more on "+table+" for update to clerkstream_tenant using (true)", "create policy more on "+table+" for delete to clerkstream_tenant using (true)")
		}
		changes = append(changes, p.turned([]string{"organization_id", "user_id", "placed_by", "buyer_id", "email", "id::text"})...)
		if caught := b.catches(t, p.String(), changes); caught < 12 {
			t.Errorf("only %d changes of %s were tried", caught, p)
		}
		if codes, _ := b.found(t, "select", Config{Tables: []string{p.String()}}); len(codes) > 0 {
			t.Errorf("nothing is broken, and yet there is %v", codes)
		}
	}
}

// mutable is a setting, or a column with or without its table. Texts come first, or settings would be taken for columns.
var mutable = regexp.MustCompile(`'[^']*'|\b(?:\w+\.)?(?:id|user_id|organization_id|email_address|value|kind|verified|order_id)\b`)

// turned is the policy with one setting or column exchanged for another, for each of them in turn.
func (m mutated) turned(columns []string) (all []string) {
	for _, at := range mutable.FindAllStringIndex(m.using, -1) {
		old := m.using[at[0]:at[1]]
		for _, other := range others(old, columns) {
			condition := m.using[:at[0]] + other + m.using[at[1]:]
			all = append(all, m.alter("using ("+condition+")"))
		}
	}
	return all
}

func others(old string, columns []string) (all []string) {
	switch old {
	case "'clerk.org_id'":
		return []string{"'clerk.user_id'", "'clerk.nothing'"}
	case "'clerk.user_id'":
		return []string{"'clerk.org_id'", "'clerk.nothing'"}
	case "'email'":
		return []string{"'username'", "kind"}
	case "i.verified":
		return []string{"true"}
	}
	if strings.HasPrefix(old, "'") {
		return nil
	}
	table, column, qualified := strings.Cut(old, ".")
	if !qualified {
		table, column = "", old
	}
	for _, c := range columns {
		if c == column {
			continue
		}
		if qualified {
			c = table + "." + c
		}
		all = append(all, c)
	}
	return all
}

// What no policy is to blame for, each by its own name.
func TestEachWayPastThePoliciesHasItsName(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, c := range []struct {
		change string
		code   Code
		cfg    Config
	}{
		{"alter view clerk.users reset (security_invoker)", ViewNotInvoker, Config{}},
		{"alter view clerk.sessions set (security_invoker = false)", ViewNotInvoker, Config{Tables: []string{"sessions"}}},
		{"alter table clerk_g1.users no force row level security", NotForced, Config{Tables: []string{"clerk.users"}}},
		{"alter table clerk_g1.users disable row level security", RLSOff, Config{Tables: []string{"users"}}},
		{"alter table clerk_g1.users disable row level security", ForeignRowsSeen, Config{Tables: []string{"users"}}},
		{"grant usage on schema clerk_g1 to clerkstream_tenant", TableReachable, Config{Tables: []string{"users"}}},
		{"grant update on clerk.users, clerk_g1.users to clerkstream_tenant", ForeignRowsWritten, Config{Tables: []string{"users"}}},
		{"alter role " + b.login + " bypassrls", LoginAbove, Config{Tables: []string{"carts"}}},
		{"alter role " + b.login + " bypassrls", ForeignRowsSeen, Config{Tables: []string{"carts"}, Logins: []string{b.login}}},
		{"alter role " + b.login + " bypassrls", ForeignRowsSeen, Config{Tables: []string{"users"}, Logins: []string{b.login}}},
		{"alter role " + b.login + " superuser", LoginAbove, Config{Tables: []string{"carts"}}},
		{"alter role " + b.login + " createrole", LoginAbove, Config{Tables: []string{"carts"}}},
		{"create role above_" + b.login + " bypassrls; grant above_" + b.login + " to " + b.login, LoginAbove, Config{Tables: []string{"carts"}}},
		{"alter table shop.carts owner to " + b.login, LoginOwner, Config{Tables: []string{"carts"}}},
		{"grant clerkstream_owner to " + b.login, LoginOwner, Config{Tables: []string{"users"}}},
		{"grant clerkstream_reader to " + b.login, LoginOfTwoRoles, Config{Tables: []string{"carts"}}},
		{"create role job; create policy jobs on shop.carts to job using (true); grant job to " + b.login, LoginOfTwoRoles, Config{Tables: []string{"carts"}}},
		{"create policy p on shop.drafts to clerkstream_tenant using (user_id in (select id from clerk.users))", PolicyReadsModel, Config{Tables: []string{"drafts"}}},
		{"grant select on shop.events_now to clerkstream_tenant", PartitionOpen, Config{Tables: []string{"events"}}},
		{"create table shop.notes (organization_id text, body text); grant select on shop.notes to clerkstream_tenant", UnprotectedTable, Config{}},
		{"create table shop.notes (org_id text, body text); alter table shop.notes owner to " + b.login, UnprotectedTable, Config{}},
		{"create table shop.notes (\"organizationId\" text); alter table shop.notes enable row level security, force row level security; grant select on shop.notes to clerkstream_tenant", NoPolicy, Config{}},
		{"create table shop.notes (organization_id text, body text); grant select (organization_id, body) on shop.notes to " + b.login, UnprotectedTable, Config{}},
		{"create function shop.leak() returns setof text security definer language sql as 'select user_id from shop.carts'", FunctionDefiner, Config{Tables: []string{"carts"}}},
		{"create role job; create policy jobs on shop.carts to job using (true); create function shop.leak() returns setof text security definer language sql as 'select user_id from shop.carts'; alter function shop.leak() owner to job", FunctionDefiner, Config{Tables: []string{"carts"}}},
		{"create role job; grant clerkstream_reader to job; create function shop.leak() returns setof text security definer language sql as 'select id from clerk.users'; alter function shop.leak() owner to job", FunctionDefiner, Config{Tables: []string{"users"}}},
		{"create view shop.everything as select * from shop.carts; create function shop.leak() returns setof text security definer language sql as 'select user_id from shop.everything'", FunctionDefiner, Config{Tables: []string{"carts"}}},
		{"alter table shop.drafts add check (text = md5(id::text))", CouldNotPlant, Config{Tables: []string{"drafts"}}},
		{"alter policy clerkstream_tenant on shop.carts using (case when 1 / length(user_id) = 0 then pg_sleep(9) is not null end)", CouldNotTry, Config{Tables: []string{"carts"}, Timeout: 50_000_000}},
	} {
		codes, refused := b.found(t, c.change, c.cfg)
		if refused || !slices.Contains(codes, c.code) {
			t.Errorf("%s: refused %t, found %v, want %s", c.change, refused, codes, c.code)
		}
	}
}

// A function that runs as its owner, who sees what a tenant sees, or that runs as its caller.
func TestAFunctionOfSomebodyWhoSeesNoMoreIsNoWayPast(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, change := range []string{
		"create role job; create function shop.leak() returns setof text security definer language sql as 'select user_id from shop.carts'; alter function shop.leak() owner to job",
		"create function shop.leak() returns setof text security definer language sql as 'select user_id from shop.carts'; alter function shop.leak() owner to " + b.login,
		"create role job; create policy jobs on shop.carts to job using (true); create function shop.own() returns setof text language sql as 'select user_id from shop.carts'; alter function shop.own() owner to job",
	} {
		if codes, refused := b.found(t, change, Config{Tables: []string{"carts"}}); refused || len(codes) > 0 {
			t.Errorf("%s: refused %t, found %v", change, refused, codes)
		}
	}
}

// Conditions that look right, on a table of their own.
func TestConditionsThatLookRightAreTried(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	notes := func(condition, column string) string {
		return `create table shop.notes (id uuid default gen_random_uuid() primary key, organization_id text ` + column + `, body text);
alter table shop.notes enable row level security, force row level security;
create policy p on shop.notes to clerkstream_tenant using (` + condition + `);
grant select, insert, update, delete on shop.notes to clerkstream_tenant`
	}
	const right = `organization_id = (select nullif(current_setting('clerk.org_id', true), ''))`
	cfg := Config{Tables: []string{"notes"}}
	for condition, code := range map[string]Code{
		// Empty is somebody once rows are empty.
		`organization_id = current_setting('clerk.org_id', true)`:                                           NobodySeesRows,
		`organization_id is not distinct from nullif(current_setting('clerk.org_id', true), '')`:            NobodySeesRows,
		`coalesce(nullif(current_setting('clerk.org_id', true), ''), organization_id) = organization_id`:    NobodySeesRows,
		right + ` or organization_id is null`:                                                               ForeignRowsSeen,
		`organization_id like current_setting('clerk.org_id', true)`:                                        ForeignRowsSeen,
		`organization_id = any(string_to_array(nullif(current_setting('clerk.org_id', true), ''), ','))`:    ForeignRowsSeen,
		`organization_id ~ nullif(current_setting('clerk.org_id', true), '')`:                               ForeignRowsSeen,
		`nullif(current_setting('clerk.org_id', true), '') is not null`:                                     ForeignRowsSeen,
		`organization_id = nullif(current_setting('clerk.org_id', true), '') or body is null`:               ForeignRowsSeen,
		`left(organization_id, 4) = left(nullif(current_setting('clerk.org_id', true), ''), 4)`:             ForeignRowsSeen,
		`organization_id = nullif(current_setting('clerk.org', true), '')`:                                  OwnRowsUnseen,
		`organization_id = (select nullif(current_setting('clerk.org_id', true), '')) and body is not null`: OwnRowsUnseen,
	} {
		if codes, refused := b.found(t, notes(condition, ""), cfg); refused || !slices.Contains(codes, code) {
			t.Errorf("%s: refused %t, found %v, want %s", condition, refused, codes, code)
		}
	}
	for _, column := range []string{"", "not null"} {
		if codes, refused := b.found(t, notes(right, column), cfg); refused || len(codes) > 0 {
			t.Errorf("a policy as it should be: refused %t, found %v", refused, codes)
		}
	}
}

// What a connection sees on which nothing was ever set is not what it sees later: NULL, and not the empty string. Each case has a connection of its own.
func TestAConnectionOnWhichNothingWasEverSetIsTriedToo(t *testing.T) {
	t.Parallel()
	for using, code := range map[string]Code{
		`user_id = coalesce(current_setting('clerk.user_id', true), user_id)`: NobodySeesRows,
		`user_id = current_setting('clerk.user_id')`:                          SettingError,
	} {
		b := newBed(t)
		if codes, refused := b.found(t, "alter policy clerkstream_tenant on shop.carts using ("+using+")", Config{Tables: []string{"carts"}}); refused || !slices.Contains(codes, code) {
			t.Errorf("%s: refused %t, found %v, want %s", using, refused, codes, code)
		}
	}
}

func TestAKeyThatTellsOfOthersIsAdvice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	if _, err := b.conn.Exec(t.Context(), `create unique index on shop.customers (email)`); err != nil {
		t.Fatal(err)
	}
	report := test(t, b.conn, Config{Tables: []string{"customers"}})
	if report.Wrong() != 0 || len(report.Findings) != 1 || report.Findings[0].Code != ConflictTells {
		t.Errorf("found %+v", report.Findings)
	}
}
