package projections_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// policy is one as Postgres has it.
type policy struct{ table, name, condition string }

func (p policy) String() string { return p.name + " of " + p.table }

func (p policy) alter(how string) string {
	return "alter policy " + p.name + " on clerk_g1." + p.table + " " + how
}

// policies lists every policy there is, so that a new one is under the same controls.
func (d *tenancy) policies(t *testing.T) (all []policy) {
	t.Helper()
	rows, err := d.conn.Query(t.Context(), `select tablename, policyname, qual from pg_policies where schemaname = 'clerk_g1' order by 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p policy, err error) {
		err = row.Scan(&p.table, &p.name, &p.condition)
		return p, err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Three for each table, but for waitlist entries, which no tenant sees.
	if want := 3*len(matrix) - 1; len(all) != want {
		t.Fatalf("%d policies, want %d", len(all), want)
	}
	return all
}

// complaint breaks something, holds the database against the matrix, mends it, and returns the first difference. refused says that Postgres
// did not take the change.
func (d *tenancy) complaint(t *testing.T, change string) (first string, refused bool) {
	t.Helper()
	ctx := t.Context()
	tx, err := d.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, change)
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return "", true
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range append(looks(), d.writes) {
		found, err := look(ctx, tx)
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		if len(found) > 0 {
			return found[0], false
		}
	}
	return "", false
}

type look func(context.Context, pgx.Tx) ([]string, error)

// looks holds what each identity sees against the matrix, each in a savepoint of its own, for role and settings belong to one identity.
func looks() (all []look) {
	for _, i := range identities {
		all = append(all, func(ctx context.Context, tx pgx.Tx) (found []string, err error) {
			savepoint, err := tx.Begin(ctx)
			if err != nil {
				return nil, err
			}
			defer func() { _ = savepoint.Rollback(ctx) }()
			return i.differences(ctx, savepoint)
		})
	}
	return all
}

// writes tells of tables in which the projector reaches no row.
func (d *tenancy) writes(ctx context.Context, tx pgx.Tx) (found []string, err error) {
	if _, err := tx.Exec(ctx, `set local role `+projections.RoleProjector); err != nil {
		return nil, err
	}
	for _, s := range matrix {
		tag, err := tx.Exec(ctx, `delete from clerk_g1.`+s.view)
		if err != nil {
			return nil, err
		}
		if tag.RowsAffected() == 0 {
			found = append(found, "projector deletes nothing from "+s.view)
		}
	}
	return found, nil
}

// Whoever drops a policy, opens it, or points it at the wrong column, hears of it from the matrix.
func TestTheMatrixNoticesEveryBrokenPolicy(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	if first, refused := d.complaint(t, `select 1`); first != "" || refused {
		t.Fatalf("nothing is broken, and yet: %s", first)
	}
	for _, p := range d.policies(t) {
		loosened := p.alter("using (true)")
		if p.condition == "true" {
			loosened = p.alter("to public")
		}
		for _, change := range []string{"drop policy " + p.name + " on clerk_g1." + p.table, loosened} {
			if first, refused := d.complaint(t, change); first == "" || refused {
				t.Errorf("nobody notices: %s (refused: %t)", change, refused)
			}
		}
	}
}

func TestTheMatrixNoticesEveryWrongColumnAndSetting(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	broken := map[string]int{}
	for _, p := range d.policies(t) {
		if p.name != "tenant" {
			continue
		}
		for _, m := range mutants(p.condition) {
			first, refused := d.complaint(t, p.alter("using ("+m.condition+")"))
			switch {
			case refused: // the table has no such column
				continue
			case first == "":
				t.Errorf("%s: nobody notices %s in the place of %s:\n%s", p, m.new, m.old, m.condition)
			}
			broken[p.table]++
		}
	}
	for _, s := range matrix {
		if s.view != "waitlist_entries" && broken[s.view] < 2 {
			t.Errorf("only %d wrong policies of %s were tried", broken[s.view], s.view)
		}
	}
}

type mutant struct{ old, new, condition string }

var (
	// A setting or another text, or a column with or without its table. Texts come first, or settings would be taken for columns.
	mutable = regexp.MustCompile(`'[^']*'|\b(?:\w+\.)?(?:id|user_id|organization_id|email_address|value|kind|verified)\b`)
	columns = []string{"user_id", "organization_id", "id", "value", "version"}
)

// mutants is a condition with one setting, column or text exchanged for another, for each of them in turn.
func mutants(condition string) (all []mutant) {
	for _, at := range mutable.FindAllStringIndex(condition, -1) {
		old := condition[at[0]:at[1]]
		for _, other := range others(old) {
			all = append(all, mutant{old, other, condition[:at[0]] + other + condition[at[1]:]})
		}
	}
	return all
}

func others(old string) (all []string) {
	switch old {
	case "'clerk.org_id'":
		return []string{"'clerk.user_id'"}
	case "'clerk.user_id'":
		return []string{"'clerk.org_id'"}
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
			c = fmt.Sprintf("%s.%s", table, c)
		}
		all = append(all, c)
	}
	return all
}
