package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// A generation is a schema of tables and one of views over them, as the projector makes them.
type generation struct{ tables, views string }

// The standing generation is there before any event; the rebuilt one is made anew for each rebuild.
var (
	standing = generation{"kit_g1", "kit_v1"}
	rebuilt  = generation{"kit_g2", "kit_v2"}
)

// database is one test's, with the standing generation of some projections, whose tables are always empty: each trial is rolled back.
type database struct {
	conn *pgx.Conn
	all  []projections.Projection
}

func (d *database) prepare(ctx context.Context) error {
	return pgx.BeginFunc(ctx, d.conn, func(tx pgx.Tx) error {
		if err := d.create(ctx, tx, standing); err != nil {
			return err
		}
		return d.expose(ctx, tx, standing)
	})
}

// trial runs in a transaction that nothing remains of.
func (d *database) trial(ctx context.Context, run func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	tx, err := d.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return run(ctx, tx)
}

// create makes a generation's bare tables, in which a rebuild puts its rows. The transaction goes on as the owner.
func (d *database) create(ctx context.Context, tx pgx.Tx, g generation) error {
	statements := []string{
		`set local role ` + projections.RoleOwner,
		`create schema ` + g.tables,
		`grant usage on schema ` + g.tables + ` to ` + projections.RoleProjector + `, ` + projections.RoleReader,
	}
	for _, p := range d.all {
		statements = append(statements, p.Definition().CreateTables(g.tables)...)
	}
	return execAll(ctx, tx, statements)
}

// expose gives the tables their indexes, policies and views.
func (d *database) expose(ctx context.Context, tx pgx.Tx, g generation) error {
	statements := []string{
		`create schema ` + g.views,
		`grant usage on schema ` + g.views + ` to ` + projections.RoleReader + `, ` + projections.RoleTenant,
	}
	for _, part := range []func(projections.Definition) []string{
		func(d projections.Definition) []string { return d.CreateIndexes(g.tables) },
		func(d projections.Definition) []string { return d.Secure(g.tables) },
		func(d projections.Definition) []string { return d.CreateViews(g.views, g.tables) },
	} {
		for _, p := range d.all {
			statements = append(statements, part(p.Definition())...)
		}
	}
	return execAll(ctx, tx, statements)
}

// execAll sends all statements at once: a rebuild has dozens, and a proof many rebuilds.
func execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	_, err := tx.Exec(ctx, strings.Join(statements, ";\n"))
	return err
}

// become goes on with the rights of a role, until the transaction ends.
func become(ctx context.Context, tx pgx.Tx, role string) error {
	_, err := tx.Exec(ctx, `set local role `+role)
	return err
}

// content is every row of every table: the rows of p's own, and those that no event of p should have made.
func (d *database) content(ctx context.Context, tx pgx.Tx, p projections.Projection, g generation) (own, strange []string, err error) {
	var ours, others []string
	for _, q := range d.all {
		for _, t := range q.Definition().Tables {
			if q.Name() == p.Name() {
				ours = append(ours, t.Name)
			} else {
				others = append(others, t.Name)
			}
		}
	}
	if own, err = readRows(ctx, tx, g.tables, ours...); err == nil && len(others) > 0 {
		strange, err = readRows(ctx, tx, g.tables, others...)
	}
	return own, strange, err
}

// shown is what p's views show to who may read everything.
func (d *database) shown(ctx context.Context, tx pgx.Tx, p projections.Projection, g generation) ([]string, error) {
	if err := become(ctx, tx, projections.RoleReader); err != nil {
		return nil, err
	}
	var views []string
	for _, v := range p.Definition().Views {
		views = append(views, v.Name)
	}
	return readRows(ctx, tx, g.views, views...)
}

// readRows reads the rows of tables or views as JSON, in which Postgres writes equal values alike, each behind the name of where it stands.
func readRows(ctx context.Context, tx pgx.Tx, schema string, names ...string) ([]string, error) {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf(`select '%s ' || to_jsonb(r)::text from %s r`, name, pgx.Identifier{schema, name}.Sanitize())
	}
	rows, err := tx.Query(ctx, strings.Join(parts, "\nunion all\n"))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// difference tells two lists of rows apart, or is empty: - are the rows that only want has, + those that only have has.
func difference(want, have []string) string {
	count := map[string]int{}
	for _, row := range want {
		count[row]--
	}
	for _, row := range have {
		count[row]++
	}
	var lines []string
	for row, n := range count {
		sign := "+ "
		if n < 0 {
			sign, n = "- ", -n
		}
		for range n {
			lines = append(lines, sign+row)
		}
	}
	// By the row, so that its two forms stand together.
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:]+a[:1], b[2:]+b[:1]) })
	return strings.Join(lines, "\n")
}
