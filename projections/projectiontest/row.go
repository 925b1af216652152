package projectiontest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// Row is what a row of a view should hold, by column: anything whose JSON Postgres takes for the column's type, such as a string, a time.Time, or
// for a jsonb column a map. nil is NULL.
type Row = map[string]any

// viewer is who looks at a view.
type viewer struct{ role, org, user string }

func (v viewer) String() string {
	if v.role == projections.RoleTenant {
		return fmt.Sprintf("organization %q, user %q", v.org, v.user)
	}
	return "who may read everything"
}

// compare fills the tables with all that was given and looks.
func (k *Kit) compare(who viewer, model string, want []Row) {
	k.t.Helper()
	var wanted, have []string
	err := k.db.trial(k.t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
		if err := become(ctx, tx, projections.RoleProjector); err != nil {
			return err
		}
		for _, p := range k.db.all {
			given := wantedBy(p, k.given)
			if _, err := k.db.write(ctx, tx, p, standing, stream(p, given, straight(len(given)))[0]); err != nil {
				return err
			}
		}
		wanted, have, err = k.db.look(ctx, tx, who, model, want)
		return err
	})
	if err != nil {
		k.t.Fatalf("%s: %v\n%s", model, err, listed(k.given))
	}
	if diff := difference(wanted, have); diff != "" {
		k.t.Errorf("%s shows %v other rows than expected\n- only expected, + only shown:\n%s\n%s", model, who, diff, listed(k.given))
	}
}

// look reads the view as who, and the wanted rows as rows of that view.
func (d *database) look(ctx context.Context, tx pgx.Tx, who viewer, model string, want []Row) (wanted, have []string, err error) {
	if err := become(ctx, tx, projections.RoleReader); err != nil {
		return nil, nil, err
	}
	all, err := d.columnsOf(model)
	if err != nil {
		return nil, nil, err
	}
	columns := map[string]bool{}
	for _, row := range want {
		for c := range row {
			if !slices.Contains(all, c) {
				return nil, nil, fmt.Errorf("the view has no column %q; it has %v", c, all)
			}
			columns[c] = true
		}
	}
	if wanted, err = asRows(ctx, tx, model, want); err != nil {
		return nil, nil, err
	}
	if _, err := tx.Exec(ctx, `select set_config('clerk.org_id', $1, true), set_config('clerk.user_id', $2, true)`, who.org, who.user); err != nil {
		return nil, nil, err
	}
	if err := become(ctx, tx, who.role); err != nil {
		return nil, nil, err
	}
	if have, err = readRows(ctx, tx, standing.views, model); err != nil {
		return nil, nil, err
	}
	if len(want) == 0 {
		return nil, have, nil // in full: there is nothing to compare them with
	}
	return narrowed(wanted, columns), narrowed(have, columns), nil
}

func (d *database) columnsOf(model string) ([]string, error) {
	var known []string
	for _, p := range d.all {
		for _, v := range p.Definition().Views {
			if v.Name == model {
				return v.Columns, nil
			}
			known = append(known, v.Name)
		}
	}
	return nil, fmt.Errorf("there is no such view; there are %v", known)
}

// asRows lets Postgres read the wanted rows as rows of the view and write them as it writes the view's own, so that equal values look alike.
func asRows(ctx context.Context, tx pgx.Tx, model string, want []Row) ([]string, error) {
	text, err := json.Marshal(want)
	if err != nil || len(want) == 0 {
		return nil, err
	}
	of := pgx.Identifier{standing.views, model}.Sanitize()
	rows, err := tx.Query(ctx, `select '`+model+` ' || to_jsonb(r)::text from jsonb_populate_recordset(null::`+of+`, $1::text::jsonb) r`, string(text))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// narrowed leaves of each row the columns that matter.
func narrowed(rows []string, columns map[string]bool) []string {
	out := make([]string, len(rows))
	for i, line := range rows {
		model, text, _ := strings.Cut(line, " ")
		var row map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			panic(fmt.Sprintf("projectiontest: Postgres wrote a row that is no JSON: %v", err))
		}
		maps.DeleteFunc(row, func(name string, _ json.RawMessage) bool { return !columns[name] })
		short, err := json.Marshal(row)
		if err != nil {
			panic(fmt.Sprintf("projectiontest: a row read from JSON is no JSON: %v", err))
		}
		out[i] = model + " " + string(short)
	}
	return out
}
