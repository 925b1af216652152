package rls

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/projections"
)

// keyColumn is the column that tells a read model's planted rows apart.
func keyColumn(model string) string {
	switch model {
	case "user_identifiers":
		return "value"
	case "role_permissions":
		return "permission_id"
	default:
		return "id"
	}
}

// insertion is the statement that plants the row into a generation's tables.
func (p *planting) insertion(w *world, tables string) string {
	columns := map[string]string{}
	if keyColumn(p.model) == "id" {
		columns = map[string]string{"id": literal(w.id(p.label)), "version": "''", "deleted": "false"}
	}
	for i := 0; i < len(p.columns); i += 2 {
		word, plain := strings.CutPrefix(p.columns[i+1], "=")
		if !plain {
			word = w.id(word)
		}
		columns[p.columns[i]] = literal(word)
	}
	var names, values []string
	for name, value := range columns {
		names, values = append(names, quote(name)), append(values, value)
	}
	return fmt.Sprintf("insert into %s (%s) values (%s)", quote(tables, p.model), strings.Join(names, ", "), strings.Join(values, ", "))
}

// plantWorld puts the world into those tables of a generation that it has, as the login itself or as the projector.
func (s *stage) plantWorld(ctx context.Context, w *world, g *generation) (outcome, error) {
	var statements []string
	for _, p := range plantings() {
		if slices.Contains(g.tableNames, p.model) {
			statements = append(statements, p.insertion(w, g.tablesIn))
		}
	}
	if len(statements) == 0 {
		return outcome{}, nil
	}
	var o outcome
	for _, role := range []string{"", projections.RoleProjector} {
		// One statement, so that one savepoint is enough: each row is a CTE of its own.
		ctes := make([]string, len(statements))
		for i, text := range statements {
			ctes[i] = fmt.Sprintf("r%d as (%s)", i, text)
		}
		var err error
		if o, err = s.keep(ctx, role, identity{unset: true}, "with "+strings.Join(ctes, ",\n")+" select"); err != nil || o.code != denied {
			return o, err
		}
	}
	return o, nil
}

// tryModel tries a read model that is clerkstream's own.
func (t *trial) tryModel(ctx context.Context, w *world) error {
	if o, err := t.stage.plantWorld(ctx, w, t.rel.model); err != nil || o.code != "" {
		if err == nil {
			t.find(Finding{Code: CouldNotPlant, Tried: "plant two organizations into " + t.rel.model.tablesIn, CameBack: o.String(),
				Mend: "run it as a superuser or as a member of " + projections.RoleProjector})
		}
		return err
	}
	var mine []planting
	for _, p := range plantings() {
		if p.model == t.rel.table {
			mine = append(mine, p)
		}
	}
	t.table.Planted, t.table.Owner = len(mine), "as docs/row-level-security.md says"
	view := quote(t.rel.model.viewsIn, t.rel.table)
	// Before anything is set on the connection, when the settings read NULL and not the empty string.
	never := identity{person: person{name: "none"}, unset: true}
	for _, role := range t.cfg.tenantRoles() {
		for _, id := range append([]identity{never}, w.identities()...) {
			if err := t.lookAtModel(ctx, w, mine, view, role, id); err != nil {
				return err
			}
		}
		if err := t.refuseWrites(ctx, view, role, w); err != nil {
			return err
		}
	}
	if err := t.lookAtModel(ctx, w, mine, view, projections.RoleReader, identity{person: person{name: "reader"}}); err != nil {
		return err
	}
	return t.projectorWrites(ctx, w, mine)
}

func (t *trial) lookAtModel(ctx context.Context, w *world, rows []planting, view, role string, id identity) error {
	column := quote(keyColumn(t.rel.table))
	keys := make([]string, len(rows))
	for i, p := range rows {
		keys[i] = w.id(p.label)
	}
	o, err := t.stage.try(ctx, role, id, fmt.Sprintf("select %s from %s where %[1]s = any(%[3]s::text[])", column, view, literal("{"+strings.Join(keys, ",")+"}")))
	if err != nil {
		return err
	}
	tried := "select as " + asWho(role, explainedName(id))
	if o.code != "" {
		t.refused(role, tried, o)
		return nil
	}
	for i, p := range rows {
		want := !p.gone && (role == projections.RoleReader || slices.Contains(strings.Fields(p.seenBy), id.name))
		if have := slices.Contains(o.values, keys[i]); have != want {
			t.differs(tried, p, role, id, have)
		}
	}
	return nil
}

func explainedName(id identity) string {
	if id.unset {
		return "no identity, nothing ever set"
	}
	return explained[id.name]
}

func asWho(role, who string) string {
	if role == projections.RoleReader {
		return role
	}
	return role + ", " + who
}

// refused tells of a select that was answered with an error.
func (t *trial) refused(role, tried string, o outcome) {
	switch {
	case o.stuck():
		t.find(Finding{Code: CouldNotTry, Tried: tried, CameBack: o.String(), Mend: "try again, or with a longer --timeout"})
	case role == projections.RoleReader:
		t.find(Finding{Code: ReadModelClosed, Tried: tried, CameBack: o.String(), Mend: t.mend()})
	case o.code == unknownSetting:
		t.find(Finding{Code: SettingError, Tried: tried, CameBack: o.String(), Because: t.asked(role, "select"), Mend: "read settings as nullif(current_setting('clerk.org_id', true), '')"})
	case t.rel.model == nil && strings.HasPrefix(o.message, "permission denied"): // not granted, so nothing is seen
	default:
		t.find(Finding{Code: OwnRowsUnseen, Tried: tried, CameBack: o.String(), Because: t.asked(role, "select"), Mend: t.mend()})
	}
}

// differs tells of a row that is seen or not seen against the rule.
func (t *trial) differs(tried string, p planting, role string, id identity, seen bool) {
	what := fmt.Sprintf("the row %q", p.label)
	if p.gone {
		what += ", which is gone"
	}
	f := Finding{Tried: tried, Because: t.asked(role, "select"), Mend: t.mend()}
	switch {
	case role == projections.RoleReader && !seen:
		f.Code, f.CameBack = ReadModelClosed, "not "+what
	case !seen:
		f.Code, f.CameBack = OwnRowsUnseen, "not "+what
	case id.org == "" && id.user == "" && role != projections.RoleReader:
		f.Code, f.CameBack = NobodySeesRows, what
	default:
		f.Code, f.CameBack = ForeignRowsSeen, what
	}
	t.find(f)
}

// refuseWrites tries what no tenant may: write through the view, and reach the table past it.
func (t *trial) refuseWrites(ctx context.Context, view, role string, w *world) error {
	column, ada := quote(keyColumn(t.rel.table)), w.identities()[0]
	for what, sql := range map[string]string{
		"insert into": "insert into " + view + " (" + column + ") values ('" + w.id("new") + "')",
		"update":      "update " + view + " set " + column + " = " + column + " where " + column + " = '" + w.id("new") + "'",
		"delete from": "delete from " + view + " where " + column + " = '" + w.id("new") + "'",
	} {
		o, err := t.stage.try(ctx, role, ada, sql)
		if err != nil {
			return err
		}
		if o.code != denied {
			t.find(Finding{Code: ForeignRowsWritten, Tried: what + " the view as " + asWho(role, explained["ada"]), CameBack: o.String(),
				Mend: fmt.Sprintf("revoke insert, update, delete on %s from %s;", view, quote(role))})
		}
	}
	o, err := t.stage.try(ctx, role, ada, "select from "+t.rel.quoted()+" limit 1")
	if err == nil && o.code != denied {
		t.find(Finding{Code: TableReachable, Tried: "select from the table past its view as " + asWho(role, explained["ada"]), CameBack: o.String(),
			Mend: fmt.Sprintf("revoke usage on schema %s from %s;", quote(t.rel.schema), quote(role))})
	}
	return err
}

// projectorWrites makes sure that the projector reaches every row, and may add one.
func (t *trial) projectorWrites(ctx context.Context, w *world, rows []planting) error {
	column := quote(keyColumn(t.rel.table))
	keys := make([]string, len(rows))
	for i, p := range rows {
		keys[i] = w.id(p.label)
	}
	where := fmt.Sprintf(" where %s = any(%s::text[])", column, literal("{"+strings.Join(keys, ",")+"}"))
	more := rows[0]
	more.label, more.columns = "more", slices.Clone(more.columns)
	for i := 1; i < len(more.columns); i += 2 {
		if more.columns[i] == rows[0].label {
			more.columns[i] = more.label
		}
	}
	for what, try := range map[string]struct {
		sql  string
		want int64
	}{
		"update": {"update " + t.rel.quoted() + " set " + column + " = " + column + where, int64(len(rows))},
		"delete": {"delete from " + t.rel.quoted() + where, int64(len(rows))},
		"insert": {more.insertion(w, t.rel.schema), 1},
	} {
		o, err := t.stage.try(ctx, projections.RoleProjector, identity{unset: true}, try.sql)
		if err != nil {
			return err
		}
		if o.code != "" || o.rows != try.want {
			t.find(Finding{Code: ReadModelClosed, Tried: what + " as " + projections.RoleProjector, CameBack: o.String(), Because: t.asked(projections.RoleProjector, what), Mend: t.mend()})
		}
	}
	return nil
}
