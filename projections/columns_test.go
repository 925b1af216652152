package projections

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/e2e/golden"
)

func TestEverySampleBecomesTheRowsThatTheContractSays(t *testing.T) {
	t.Parallel()
	all := All()
	b := newTables(t, all...)
	views, err := golden.ReadViews(t.Context(), b.conn, "v")
	if err != nil {
		t.Fatal(err)
	}
	names, err := golden.Samples(root)
	if err != nil || len(names) == 0 {
		t.Fatalf("no rows of samples: %v", err)
	}
	said := map[string]bool{}
	for _, name := range names {
		want, err := golden.Read(root, name)
		if err != nil {
			t.Fatal(err)
		}
		e := sample(t, name)
		b.try(t, projectionOf(t, all, &e), e, func(ctx context.Context, tx pgx.Tx) {
			differences, err := views.Differences(ctx, tx, e.EntityID, want)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences {
				t.Errorf("%s: %s", name, d)
			}
		})
		note(said, want)
	}
	for _, column := range views.Columns() {
		if !said[column] {
			t.Errorf("no sample puts a value into %s", column)
		}
	}
}

// note remembers the columns that have a value in some row.
func note(said map[string]bool, rows golden.Rows) {
	for view, list := range rows {
		for _, row := range list {
			for column, value := range row {
				if golden.Said(value) {
					said[view+"."+column] = true
				}
			}
		}
	}
}
