package projector

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// RefusedError is why a verb left everything as it was: each reason names what stands in the way.
type RefusedError struct {
	Verb    string
	Reasons []string
}

func (r *RefusedError) Error() string { return r.Verb + " refused: " + strings.Join(r.Reasons, "; ") }

// ErrNoGeneration is returned when the generation to work on does not exist or is not in the state for it.
var ErrNoGeneration = errors.New("no such generation")

// Retire drops a generation that readers no longer see: exactly the tables and views that were made for it, never anything else. It is refused for
// the live one, and when something of somebody else's lies in its schemas or hangs on its tables. Its followers end by themselves.
func (o *Operator) Retire(ctx context.Context, number int) error {
	conn, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := o.lockService(ctx, tx); err != nil {
		return err
	}
	g := generation{number: number}
	err = tx.QueryRow(ctx, `select table_schema, state from clerkstream.generations where service = $1 and generation = $2 and state <> 'retired'`,
		o.config.Service, number).Scan(&g.tables, &g.state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%w: generation %d of service %s", ErrNoGeneration, number, o.config.Service)
	case err != nil:
		return fmt.Errorf("read generation %d: %w", number, err)
	case g.state == stateLive:
		return &RefusedError{"retire", []string{fmt.Sprintf("generation %d is what readers see", number)}}
	case g.state == stateBuilding:
		if err := o.takeLock(ctx, tx, number); err != nil {
			return err
		}
	}
	if err := o.discard(ctx, tx, g); err != nil {
		return err
	}
	o.config.switches.step("retiring")
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("retire generation %d: %w", number, err)
	}
	o.config.switches.step("retired")
	return nil
}

// discard drops what the generation is made of, by name and without cascade, and marks it retired; its dead letters stay on record.
func (o *Operator) discard(ctx context.Context, tx pgx.Tx, g generation) error {
	// A report that reads these tables holds them; it is not for us to make its successors wait behind us.
	if _, err := tx.Exec(ctx, `set local lock_timeout = '2s'; set local role `+projections.RoleOwner); err != nil {
		return refused(fmt.Errorf("become owner: %w", err), "grant "+projections.RoleOwner+" to the login")
	}
	// First the checkpoint, as every writer does: whoever is in the middle of a batch finishes it, and nobody waits crosswise.
	if _, err := tx.Exec(ctx, `select from clerkstream.checkpoints where service = $1 and generation = $2 for update`, o.config.Service, g.number); err != nil {
		return fmt.Errorf("hold generation %d: %w", g.number, err)
	}
	of, err := o.made(ctx, tx, g.number)
	if err != nil {
		return err
	}
	strangers, err := o.strangers(ctx, tx, of)
	if err != nil {
		return err
	}
	if len(strangers) > 0 {
		return &RefusedError{"retire", strangers}
	}
	var statements []string
	drop := func(kind, schema string, names []string) {
		// All in one statement: the policy of one table looks into another.
		list := make([]string, len(names))
		for i, n := range names {
			list[i] = pgx.Identifier{schema, n}.Sanitize()
		}
		if len(list) > 0 {
			statements = append(statements, `drop `+kind+` if exists `+strings.Join(list, ", "))
		}
		statements = append(statements, `drop schema if exists `+pgx.Identifier{schema}.Sanitize())
	}
	drop("view", of.viewsIn, of.views)
	drop("table", of.tablesIn, of.tables)
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("retire generation %d: %w", g.number, err)
		}
	}
	if _, err := tx.Exec(ctx, `update clerkstream.generations set state = 'retired', retired_at = now() where service = $1 and generation = $2`,
		o.config.Service, g.number); err != nil {
		return fmt.Errorf("retire generation %d: %w", g.number, err)
	}
	// Without a checkpoint no follower of this generation can commit any more.
	if _, err := tx.Exec(ctx, `delete from clerkstream.checkpoints where service = $1 and generation = $2`, o.config.Service, g.number); err != nil {
		return fmt.Errorf("retire generation %d: %w", g.number, err)
	}
	_, err = tx.Exec(ctx, `reset role`)
	return err
}
