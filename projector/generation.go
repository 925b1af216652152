package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// generation is one copy of a service's read model: its number and the schema of its tables.
type generation struct {
	number int
	tables string
}

// findGeneration finds the generation that these projections made, or makes the first one. It refuses a service whose generations were all made by
// other projections: this code would write rows of another shape into their tables.
func (s *session) findGeneration(ctx context.Context) (generation, error) {
	hash := projections.Hash(s.config.Projections)
	g, found, err := s.lookUpGeneration(ctx, s.conn, hash)
	if err != nil || found {
		return g, err
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return g, fmt.Errorf("make generation: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// Two projectors of one service may start at the same moment; the second finds what the first made.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, "clerkstream/"+s.config.Service); err != nil {
		return g, fmt.Errorf("make generation: %w", err)
	}
	if g, found, err = s.lookUpGeneration(ctx, tx, hash); err != nil || found {
		return g, err
	}
	g = generation{number: 1, tables: s.config.Schema + "_g1"}
	if err := s.makeGeneration(ctx, tx, g, hash); err != nil {
		return g, refused(fmt.Errorf("make generation %s: %w", g.tables, err), "grant "+projections.RoleOwner+" to the login")
	}
	if err := tx.Commit(ctx); err != nil {
		return g, fmt.Errorf("make generation %s: %w", g.tables, err)
	}
	s.config.Log.InfoContext(ctx, "projector: made generation", "service", s.config.Service, "generation", g.number, "schema", s.config.Schema)
	return g, nil
}

// queryer is what a connection and a transaction have in common.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *session) lookUpGeneration(ctx context.Context, q queryer, hash string) (g generation, found bool, err error) {
	var (
		others           int
		number           *int
		tables, instance *string
		views            *string
	)
	err = q.QueryRow(ctx, `
select count(*), max(generation) filter (where definition_hash = $2),
  (array_agg(table_schema order by generation desc) filter (where definition_hash = $2))[1],
  (array_agg(view_schema order by generation desc) filter (where definition_hash = $2))[1],
  (array_agg(instance order by generation desc) filter (where definition_hash = $2))[1]
from clerkstream.generations
where service = $1 and state <> 'retired'`, s.config.Service, hash).Scan(&others, &number, &tables, &views, &instance)
	switch {
	case err != nil:
		return g, false, refused(fmt.Errorf("look up generation of %s: %w", s.config.Service, err), "grant "+projections.RoleProjector+" to the login")
	case number == nil && others > 0:
		return g, false, fmt.Errorf("%w: service %s has %d of other projections and none of hash %s", ErrDefinition, s.config.Service, others, hash)
	case number == nil:
		return g, false, nil
	case *instance != s.config.Instance || *views != s.config.Schema:
		return g, false, fmt.Errorf("%w: service %s reads instance %s into schema %s", ErrDefinition, s.config.Service, *instance, *views)
	}
	return generation{*number, *tables}, true, nil
}

// makeGeneration creates tables, views, policies and grants and registers them, all in the caller's transaction: after a crash there is either
// all of it or nothing.
func (s *session) makeGeneration(ctx context.Context, tx pgx.Tx, g generation, hash string) error {
	tables, views := pgx.Identifier{g.tables}.Sanitize(), pgx.Identifier{s.config.Schema}.Sanitize()
	statements := []string{
		`set local role ` + projections.RoleOwner,
		`create schema ` + tables,
		// Tenants get no usage of the tables' schema: only the views lead them to the tables.
		`grant usage on schema ` + tables + ` to ` + projections.RoleProjector + `, ` + projections.RoleReader,
		`create schema ` + views,
		`grant usage on schema ` + views + ` to ` + projections.RoleReader + `, ` + projections.RoleTenant,
	}
	names := make([]string, 0, len(s.config.Projections))
	for _, part := range []func(projections.Definition) []string{
		func(d projections.Definition) []string { return d.CreateTables(g.tables) },
		func(d projections.Definition) []string { return d.CreateIndexes(g.tables) },
		func(d projections.Definition) []string { return d.Secure(g.tables) },
		func(d projections.Definition) []string { return d.CreateViews(s.config.Schema, g.tables) },
	} {
		for _, p := range s.config.Projections {
			statements = append(statements, part(p.Definition())...)
		}
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return taken(err)
		}
	}
	for _, p := range s.config.Projections {
		names = append(names, p.Name())
	}
	if _, err := tx.Exec(ctx, `
insert into clerkstream.generations (service, generation, instance, view_schema, table_schema, definition_hash, read_models, state)
values ($1, $2, $3, $4, $5, $6, $7, 'live')`,
		s.config.Service, g.number, s.config.Instance, s.config.Schema, g.tables, hash, names); err != nil {
		return taken(err)
	}
	_, err := tx.Exec(ctx, `insert into clerkstream.checkpoints (service, generation, stream) values ($1, $2, $3)`,
		s.config.Service, g.number, s.stream)
	return err
}

// taken recognises that a schema of ours exists already.
func taken(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P06" || pg.Code == "23505") {
		return fmt.Errorf("%w: %s", ErrSchemaTaken, pg.Message)
	}
	return err
}
