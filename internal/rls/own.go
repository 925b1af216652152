package rls

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// countable is how many pages a table may have for all of its rows to be counted: 80 MB.
const countable = 10_000

// ownTrial is the trial of a service's own table.
type ownTrial struct {
	*trial
	planter *planter
	shape   *shape
	rows    []row
	// me and other are the two tenants, mine and theirs a row of each.
	me, other    identity
	mine, theirs row
	// moving is the columns that say whom a row belongs to.
	moving []string
}

// tryOwn plants rows of two tenants and of others about them, and tries each verb as each.
func (t *trial) tryOwn(ctx context.Context, w *world) error {
	if slices.ContainsFunc(t.rel.policies, func(p policy) bool { return p.readsModel }) {
		for _, g := range t.all.generations {
			if _, err := t.stage.plantWorld(ctx, w, g); err != nil {
				return err
			}
		}
	}
	if !t.rel.enabled || t.report.on(NoPolicy, t.rel.String()) || len(t.rel.policies) == 0 && !t.rel.reached() {
		return nil // it has been said already, and what would happen is certain
	}
	o := &ownTrial{trial: t, planter: t.newPlanter()}
	o.me, o.other = identity{person: person{"A", w.id("acme"), w.id("ada")}}, identity{person: person{"B", w.id("beta"), w.id("finn")}}
	if err := o.plant(ctx, w); err != nil {
		return err
	}
	if len(o.moving) == 0 {
		t.find(Finding{Code: CouldNotTry, Tried: "tell a row of A from one of B", CameBack: "no column for either, and no parent", Mend: "name the column: --org-column or --user-column with --table"})
		return nil
	}
	for _, role := range t.cfg.tenantRoles() {
		if err := o.look(ctx, role); err != nil {
			return err
		}
		if err := o.write(ctx, role); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) newPlanter() *planter {
	byOID := map[uint32]*relation{}
	for _, r := range t.all.relations {
		byOID[r.oid] = r
	}
	return &planter{
		stage: t.stage, set: t.cfg.Set, shapes: map[uint32]*shape{}, planted: map[string]row{},
		owned: func(oid uint32) owns {
			if oid == t.rel.oid {
				return t.owns
			}
			if r := byOID[oid]; r != nil {
				return t.cfg.owned(r)
			}
			return owns{}
		},
	}
}

func (o *ownTrial) plant(ctx context.Context, w *world) (err error) {
	if o.shape, err = o.planter.shape(ctx, o.rel.oid); err != nil {
		return err
	}
	if o.mine, err = o.planter.plant(ctx, o.rel.oid, o.me.person, nil, 0); err != nil {
		return err
	}
	if o.theirs, err = o.planter.plant(ctx, o.rel.oid, o.other.person, nil, 0); err != nil {
		return err
	}
	o.rows = []row{o.mine, o.theirs}
	others := []person{nobody, blank}
	if o.owns.UserColumn != "" {
		others = append(others, person{"another user of A's organization", w.id("acme"), w.id("ben")}, person{"A's user in B's organization", w.id("beta"), w.id("ada")})
	}
	if o.owns.Ownership == (Ownership{}) {
		others = nil
	}
	for _, who := range others {
		r, err := o.planter.plant(ctx, o.rel.oid, who, nil, 0)
		var missing *unplantable
		switch {
		case errors.As(err, &missing): // the table does not take such a row, which is as good
		case err != nil:
			return err
		default:
			o.rows = append(o.rows, r)
		}
	}
	o.table.Planted = len(o.rows)
	o.moving = o.movable()
	return nil
}

// movable is the columns that say whom a row belongs to: its own, or those that lead to its parent.
func (o *ownTrial) movable() (columns []string) {
	for _, name := range []string{o.owns.OrgColumn, o.owns.UserColumn} {
		if o.shape.column(name) != nil {
			columns = append(columns, name)
		}
	}
	if len(columns) > 0 {
		return columns
	}
	for _, k := range o.shape.parents {
		for _, name := range k.columns {
			if v, ok := o.mine.values[name]; ok && v != o.theirs.values[name] {
				columns = append(columns, name)
			}
		}
	}
	return columns
}

// identities are those that ask, and forgeries. No setting but the exact id may open anything.
func (o *ownTrial) identities() []identity {
	as := func(name, org, user string) identity { return identity{person: person{name, org, user}} }
	all := []identity{
		o.me, o.other,
		as("A's organization without a user", o.me.org, ""), as("A's user without organization", "", o.me.user),
		as("no identity, settings empty", "", ""),
	}
	for _, forged := range []string{"%", "{" + o.me.org + "," + o.other.org + "}", o.me.org + "," + o.other.org, ".*", "' or true --", "null"} {
		all = append(all, as("forged settings "+strconv.Quote(forged), forged, forged))
	}
	return all
}

// look tries select: who sees which of the planted rows, and how many rows there are to count.
func (o *ownTrial) look(ctx context.Context, role string) error {
	never := identity{person: person{name: "no identity, nothing ever set"}, unset: true}
	places := make([]string, len(o.rows))
	for i, r := range o.rows {
		places[i] = `"` + r.ctid + `"`
	}
	sql := fmt.Sprintf(`select t.tableoid::text || ' ' || t.ctid::text from %s t where t.ctid = any(%s::tid[])`, o.rel.quoted(), literal("{"+strings.Join(places, ",")+"}"))
	for _, id := range append([]identity{never}, o.identities()...) {
		tried := "select planted rows as " + asWho(role, id.name)
		a, err := o.stage.try(ctx, role, id, sql)
		if err != nil {
			return err
		}
		if a.code != "" {
			o.refused(role, tried, a)
			continue
		}
		for _, r := range o.rows {
			o.compare(tried, role, id, r, slices.Contains(a.values, r.place()))
		}
	}
	a, err := o.stage.run(ctx, become(role, o.me)+"set local row_security = off;", undoTry, sql)
	if err != nil {
		return err
	}
	if slices.Contains(a.values, o.theirs.place()) {
		o.compare("set row_security = off, then select as "+asWho(role, o.me.name), role, o.me, o.theirs, true)
	}
	return o.count(ctx, role)
}

func (o *ownTrial) compare(tried, role string, id identity, r row, seen bool) {
	f := Finding{Tried: tried, CameBack: "a row of " + r.name, Because: o.asked(role, "select"), Mend: o.mend()}
	switch want := o.owns.expects(id, r.person); {
	case seen && want == hidden && id.org == "" && id.user == "":
		f.Code = NobodySeesRows
	case seen && want == hidden:
		f.Code = ForeignRowsSeen
	case !seen && want == shown:
		f.Code, f.CameBack = OwnRowsUnseen, "not the row of "+r.name
	default:
		return
	}
	o.find(f)
}

// count asks for all rows at once. The tenant is new, so whatever is counted beside what was planted is somebody's.
func (o *ownTrial) count(ctx context.Context, role string) error {
	own := 0
	for _, r := range o.rows {
		switch o.owns.expects(o.me, r.person) {
		case shown:
			own++
		case either:
			return nil
		}
	}
	if o.rel.pages > countable {
		return nil
	}
	a, err := o.stage.try(ctx, role, o.me, "select count(*)::text from "+o.rel.quoted())
	if err != nil || a.code != "" || len(a.values) == 0 {
		return err
	}
	if n, _ := strconv.Atoi(a.values[0]); n > own {
		o.find(Finding{Code: ForeignRowsSeen, Tried: "count all rows as " + asWho(role, o.me.name), CameBack: fmt.Sprintf("%d, and %d are its own", n, own),
			Because: o.asked(role, "select"), Mend: o.mend()})
	}
	return nil
}

// at is the condition that finds a planted row without asking for any of its columns.
func at(r row) string {
	return fmt.Sprintf(" where t.tableoid = %d and t.ctid = '%s'", r.table, r.ctid)
}

// assigned is "column = $n" for each column that a row's owner stands in, with the values of another row.
func (o *ownTrial) assigned(columns []string, from row) (set string, args []any) {
	parts := make([]string, len(columns))
	for i, name := range columns {
		var value *string
		if text, ok := from.values[name]; ok {
			value = &text
		}
		args = append(args, value)
		parts[i] = fmt.Sprintf("%s = $%d::text::%s", quote(name), len(args), o.shape.column(name).typ)
	}
	return strings.Join(parts, ", "), args
}

// without is a copy of the values that leaves columns out.
func without(values map[string]*string, columns ...string) map[string]*string {
	out := maps.Clone(values)
	for _, name := range columns {
		delete(out, name)
	}
	return out
}
