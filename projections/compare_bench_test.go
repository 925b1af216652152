package projections

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// BenchmarkCompare is a page of the greatest size against users that are all there and the same: what a full walk does most of the time.
func BenchmarkCompare(b *testing.B) {
	p := users()
	tables := newTables(b, p, organizations(), organizationMemberships())
	var rows []Row
	text := body(b, "user.updated")
	for i := range 500 {
		e := event("msg", text)
		e.EntityID = fmt.Sprintf("user_%d", i)
		e.Source = events.SourceReconcile
		rows = append(rows, decode(b, p, e))
	}
	inTx := func(f func(pgx.Tx) error) {
		if err := pgx.BeginFunc(b.Context(), tables.conn, f); err != nil {
			b.Fatal(err)
		}
	}
	inTx(func(tx pgx.Tx) error {
		_, err := p.Write(b.Context(), tx, "g", slices.Clone(rows))
		return err
	})
	for b.Loop() {
		inTx(func(tx pgx.Tx) error {
			if found := compare(b.Context(), b, tx, p, rows); len(found) > 0 {
				b.Fatal(len(found), "differ")
			}
			return nil
		})
	}
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}
