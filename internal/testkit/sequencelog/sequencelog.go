// Package sequencelog is a projection for crash tests: it keeps the sequence of every message it is given, as often as it is given it, so what was
// applied twice shows twice.
package sequencelog

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// Projection keeps its rows in table sequences, without any key that could hide a repetition.
type Projection struct{}

// Name implements projections.Projection.
func (Projection) Name() string { return "sequences" }

// Kind implements projections.Projection.
func (Projection) Kind() projections.Kind { return projections.KindLog }

// Wants implements projections.Projection.
func (Projection) Wants(string, string) bool { return true }

// Decode implements projections.Projection.
func (Projection) Decode(e *events.Event) (projections.Row, error) {
	return projections.Row{Key: e.ID}, nil
}

// Definition implements projections.Projection.
func (Projection) Definition() projections.Definition {
	return projections.Definition{Tables: []projections.Table{{Name: "sequences", Columns: "sequence bigint not null"}}}
}

// Write implements projections.Projection.
func (Projection) Write(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) (projections.Outcome, error) {
	list := make([]int64, len(rows))
	for i := range rows {
		list[i] = int64(rows[i].Sequence)
	}
	_, err := tx.Exec(ctx, `insert into `+pgx.Identifier{tables, "sequences"}.Sanitize()+` (sequence) select * from unnest($1::bigint[])`, list)
	return projections.Outcome{}, err
}
