package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// generation is one copy of a service's read model: its number, the schema of its tables and the state in which it was last seen.
type generation struct {
	number int
	tables string
	state  generationState
}

// generationState is a generation's place in its life.
type generationState string

// The states. Readers see the live one; a ready one is kept current beside it, so that it can become live at any moment.
const (
	stateBuilding generationState = "building"
	stateReady    generationState = "ready"
	stateLive     generationState = "live"
	stateRetired  generationState = "retired"
)

// tablesSchema is the schema that holds generation n's tables, under this name for as long as it lives.
func tablesSchema(schema string, n int) string { return fmt.Sprintf("%s_g%d", schema, n) }

// viewsSchema is the schema that holds generation n's views while it is not live. The live one's has the name that readers use.
func viewsSchema(schema string, n int) string { return fmt.Sprintf("%s_v%d", schema, n) }

// queryer is what a connection and a transaction have in common.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ownGenerations lists the generations that these projections made, oldest first, and counts those that others made.
func (p *Projector) ownGenerations(ctx context.Context, q queryer) (own []generation, others int, err error) {
	rows, err := q.Query(ctx, `
select generation, table_schema, state, definition_hash = $2, instance = $3 and view_schema = $4
from clerkstream.generations
where service = $1 and state <> 'retired'
order by generation`, p.config.Service, p.hash, p.config.Instance, p.config.Schema)
	if err != nil {
		return nil, 0, refused(fmt.Errorf("list generations of %s: %w", p.config.Service, err), "grant "+projections.RoleProjector+" to the login")
	}
	var (
		g          generation
		ours, fits bool
		misfit     int
	)
	_, err = pgx.ForEachRow(rows, []any{&g.number, &g.tables, &g.state, &ours, &fits}, func() error {
		switch {
		case !fits:
			misfit = g.number
		case ours:
			own = append(own, g)
		default:
			others++
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, 0, refused(fmt.Errorf("list generations of %s: %w", p.config.Service, err), "grant "+projections.RoleProjector+" to the login")
	case misfit > 0:
		return nil, 0, fmt.Errorf("%w: generation %d of service %s reads another instance or goes to another schema", ErrDefinition, misfit, p.config.Service)
	}
	return own, others, nil
}

// lockService keeps everybody else from adding generations to the service until the transaction ends.
func (p *Projector) lockService(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "clerkstream/"+p.config.Service)
	if err != nil {
		return fmt.Errorf("lock service %s: %w", p.config.Service, err)
	}
	return nil
}

// register makes the schema of a new generation with its bare tables and writes it down as building, in the caller's transaction: after a crash
// there is either all of it or nothing.
func (p *Projector) register(ctx context.Context, tx pgx.Tx) (g generation, err error) {
	g.state = stateBuilding
	err = tx.QueryRow(ctx, `select coalesce(max(generation), 0) + 1 from clerkstream.generations where service = $1`, p.config.Service).Scan(&g.number)
	if err != nil {
		return g, fmt.Errorf("number generation of %s: %w", p.config.Service, err)
	}
	g.tables = tablesSchema(p.config.Schema, g.number)
	tables := pgx.Identifier{g.tables}.Sanitize()
	statements := []string{
		`set local role ` + projections.RoleOwner,
		`create schema ` + tables,
		// Tenants get no usage of the tables' schema: only the views lead them to the tables.
		`grant usage on schema ` + tables + ` to ` + projections.RoleProjector + `, ` + projections.RoleReader,
	}
	var models, tableNames, viewNames []string
	for _, one := range p.config.Projections {
		d := one.Definition()
		statements = append(statements, d.CreateTables(g.tables)...)
		models = append(models, one.Name())
		for _, t := range d.Tables {
			tableNames = append(tableNames, t.Name)
		}
		for _, v := range d.Views {
			viewNames = append(viewNames, v.Name)
		}
	}
	if err := p.execAll(ctx, tx, statements); err != nil {
		return g, fmt.Errorf("make generation %d: %w", g.number, err)
	}
	if _, err := tx.Exec(ctx, `
insert into clerkstream.generations (service, generation, instance, view_schema, table_schema, definition_hash, read_models, tables, views, state)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.config.Service, g.number, p.config.Instance, p.config.Schema, g.tables, p.hash, models, tableNames, viewNames, g.state); err != nil {
		return g, fmt.Errorf("register generation %d: %w", g.number, taken(err))
	}
	if _, err := tx.Exec(ctx, `insert into clerkstream.checkpoints (service, generation, stream) values ($1, $2, $3)`,
		p.config.Service, g.number, p.stream); err != nil {
		return g, fmt.Errorf("register generation %d: %w", g.number, err)
	}
	return g, nil
}

// expose gives the tables their indexes, puts them under row level security and makes the views over them in schema views. After it the tables
// cannot be loaded any more, only written.
func (p *Projector) expose(ctx context.Context, tx pgx.Tx, g generation, views string) error {
	quoted := pgx.Identifier{views}.Sanitize()
	var statements []string
	for _, part := range []func(projections.Definition) []string{
		func(d projections.Definition) []string { return d.CreateIndexes(g.tables) },
		func(d projections.Definition) []string { return d.Analyze(g.tables) },
		func(d projections.Definition) []string { return d.Secure(g.tables) },
	} {
		for _, one := range p.config.Projections {
			statements = append(statements, part(one.Definition())...)
		}
	}
	statements = append(statements, `create schema `+quoted,
		`grant usage on schema `+quoted+` to `+projections.RoleReader+`, `+projections.RoleTenant)
	for _, one := range p.config.Projections {
		statements = append(statements, one.Definition().CreateViews(views, g.tables)...)
	}
	if err := p.execAll(ctx, tx, statements); err != nil {
		return fmt.Errorf("expose generation %d: %w", g.number, err)
	}
	return nil
}

func (p *Projector) execAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return refused(taken(err), "grant "+projections.RoleOwner+" to the login")
		}
	}
	return nil
}

// taken recognises that a schema of ours exists already.
func taken(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P06" || pg.Code == "23505") {
		return fmt.Errorf("%w: %s", ErrSchemaTaken, pg.Message)
	}
	return err
}
