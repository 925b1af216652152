package rls

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// deed is one try to write.
type deed struct {
	verb, what string
	id         identity
	sql        string
	args       []any
	// allowed says that it should touch one row; otherwise it should touch none.
	allowed bool
	// room is what the planter does first, to make room.
	room string
	// sweeps says that it may touch all rows of its own, and is stopped at the next.
	sweeps bool
}

// write tries insert, update, delete and upsert, on one's own rows and on others'.
func (o *ownTrial) write(ctx context.Context, role string) error {
	deeds := slices.Concat(o.changes(), o.removals(), o.sweeps())
	for _, more := range []func(context.Context) ([]deed, error){o.inserts, o.upserts} {
		found, err := more(ctx)
		if err != nil {
			return err
		}
		deeds = append(deeds, found...)
	}
	for _, d := range deeds {
		if err := o.do(ctx, role, d); err != nil {
			return err
		}
	}
	if err := o.defaults(ctx, role); err != nil {
		return err
	}
	return o.conflicts(ctx, role)
}

func (o *ownTrial) do(ctx context.Context, role string, d deed) error {
	a, err := o.stage.tryAfter(ctx, d.room, role, d.id, d.sql, d.args...)
	if err != nil {
		return err
	}
	f := Finding{Tried: d.what + " as " + asWho(role, d.id.name), CameBack: a.String(), Because: o.asked(role, d.verb), Mend: o.mend()}
	switch {
	case strings.HasPrefix(a.message, "permission denied"): // not granted: nothing to try
		return nil
	case a.code == tooMany:
		f.CameBack = "more rows than its own"
		f.Code = ForeignRowsWritten
	case d.sweeps && a.code == "":
		return nil
	case a.stuck():
		f.Code, f.Mend = CouldNotTry, "try again, or with a longer --timeout"
	case a.code != "" && a.code != denied && (d.allowed || a.code != uniqueTaken):
		// A trigger, a check: it says nothing about the policy.
		f.Code, f.Because, f.Mend = CouldNotTry, nil, "give values that the table takes: --set "+o.rel.table+".<column>=<value>"
	case d.allowed && a.rows == 0:
		f.Code = OwnRowsRefused
	case d.allowed || a.rows == 0 || len(a.values) == 1 && a.values[0] == "inserted":
		return nil
	case d.id.org == "" && d.id.user == "":
		f.Code = NobodySeesRows
	default:
		f.Code = ForeignRowsWritten
	}
	o.find(f)
	return nil
}

// changes move rows from one tenant to the other, and touch them where they are.
func (o *ownTrial) changes() []deed {
	update := func(id identity, what string, columns []string, target, from row, allowed bool) deed {
		set, args := o.assigned(columns, from)
		return deed{"update", what, id, "update " + o.rel.quoted() + " t set " + set + at(target), args, allowed, "", false}
	}
	none := identity{person: person{name: "no identity"}}
	deeds := []deed{
		update(o.me, "update its own row", o.moving, o.mine, o.mine, true),
		update(o.me, "move its own row to B by update", o.moving, o.mine, o.theirs, false),
		update(o.me, "update a row of B", o.moving, o.theirs, o.theirs, false),
		update(o.me, "take a row of B by update", o.moving, o.theirs, o.mine, false),
		update(none, "update a row of A", o.moving, o.mine, o.mine, false),
	}
	if o.owns.declared && len(o.moving) > 1 {
		for _, name := range o.moving {
			deeds = append(deeds, update(o.me, "move its own row by "+quote(name)+" alone", []string{name}, o.mine, o.theirs, false))
		}
	}
	return deeds
}

func (o *ownTrial) removals() []deed {
	remove := func(id identity, what string, target row, allowed bool) deed {
		return deed{"delete", what, id, "delete from " + o.rel.quoted() + " t" + at(target), nil, allowed, "", false}
	}
	none := identity{person: person{name: "no identity"}}
	return []deed{
		remove(o.me, "delete a row of B", o.theirs, false), remove(o.me, "delete its own row", o.mine, true), remove(none, "delete a row of A", o.mine, false),
	}
}

// sweeps update and delete without asking for any column. Such statements need no right to select, so Postgres asks no policy for select: the policies for
// update and delete have to hold by themselves. The condition gives up at the first row too many, so that no more than a handful of rows of somebody real are touched.
func (o *ownTrial) sweeps() (deeds []deed) {
	if o.rel.pages > countable || len(o.moving) == 0 {
		return nil
	}
	for _, id := range []identity{o.me, {person: person{name: "no identity"}}} {
		own := 0
		for _, r := range o.rows {
			if id.org != "" && o.owns.expects(id, r.person) != hidden {
				own++
			}
		}
		// Counted per row, for set_config is volatile; the divisor is 0 at the first row too many.
		until := fmt.Sprintf(` where 1 / greatest(%d - set_config('clerkstream.swept', (coalesce(nullif(current_setting('clerkstream.swept', true), ''), '0')::int + 1)::text, true)::int, 0) >= 0`, own+1)
		set, args := o.assigned(o.moving[:1], o.mine)
		deeds = append(deeds,
			deed{"update", "update every row, with no condition on any column,", id, "update " + o.rel.quoted() + " t set " + set + until, args, false, "", true},
			deed{"delete", "delete every row, with no condition on any column,", id, "delete from " + o.rel.quoted() + " t" + until, nil, false, "", true})
	}
	return deeds
}

func (o *ownTrial) inserts(ctx context.Context) (deeds []deed, err error) {
	none := identity{person: person{name: "no identity"}}
	for _, d := range []struct {
		id      identity
		whose   person
		what    string
		allowed bool
	}{
		{o.me, o.me.person, "insert a row of its own", true},
		{o.me, o.other.person, "insert a row of B", false},
		{o.me, nobody, "insert a row of nobody", false},
		{none, o.me.person, "insert a row of A", false},
		{none, nobody, "insert a row of nobody", false},
	} {
		if d.whose == nobody && o.owns.Ownership == (Ownership{}) {
			continue
		}
		values, room, err := o.fresh(ctx, d.whose)
		if err != nil {
			return nil, err
		}
		if values == nil {
			continue
		}
		sql, args := o.shape.insertion(values)
		deeds = append(deeds, deed{"insert", d.what, d.id, sql, args, d.allowed, room, false})
	}
	return deeds, nil
}

// fresh is the values of one more row that belongs to who, or nil where the table takes none. Where it takes one of each, room is made first.
func (o *ownTrial) fresh(ctx context.Context, who person) (values map[string]*string, room string, err error) {
	var missing *unplantable
	values, err = o.planter.fresh(ctx, o.rel.oid, who, "")
	if i := slices.IndexFunc(o.rows, func(r row) bool { return r.person == who }); i >= 0 && errors.As(err, &missing) {
		room = "delete from " + o.rel.quoted() + " t" + at(o.rows[i]) + ";"
		values, err = o.planter.fresh(ctx, o.rel.oid, who, room)
	}
	if errors.As(err, &missing) {
		return nil, "", nil
	}
	return values, room, err
}

// clash is the values of a row of one's own that has a unique key of B's row. It is not ok for a key that nobody chooses, and for one with the owner in it,
// which cannot clash.
func (o *ownTrial) clash(ctx context.Context, k key) (values map[string]*string, ok bool, err error) {
	taken := map[string]*string{}
	for _, name := range k.columns {
		c, text := o.shape.column(name), o.theirs.values[name]
		if c == nil || c.generated || text == "" || slices.Contains(o.moving, name) {
			return nil, false, nil
		}
		taken[name] = &text
	}
	if values, _, err = o.fresh(ctx, o.me.person); err != nil || values == nil {
		return nil, false, err
	}
	maps.Copy(values, taken)
	return values, true, nil
}

// upserts try to get at B's row by the side door of "on conflict do update".
func (o *ownTrial) upserts(ctx context.Context) (deeds []deed, err error) {
	for _, k := range o.shape.keys {
		values, ok, err := o.clash(ctx, k)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		sql, args := o.shape.insertion(values)
		columns := make([]string, len(k.columns))
		for i, name := range k.columns {
			columns[i] = quote(name)
		}
		set := make([]string, len(o.moving))
		for i, name := range o.moving {
			set[i] = quote(name) + " = excluded." + quote(name)
		}
		// A row that was there before has a deleter of its former version; one that is new has none.
		sql += " on conflict (" + strings.Join(columns, ", ") + ") do update set " + strings.Join(set, ", ") + " returning case when t.xmax = 0 then 'inserted' else 'updated' end"
		deeds = append(deeds, deed{"update", "upsert on the key of B's row (" + k.name + ")", o.me, sql, args, false, "", false})
	}
	return deeds, nil
}

// conflicts asks whether a unique key tells of rows that nobody showed. It is no breach where keys cannot be guessed.
func (o *ownTrial) conflicts(ctx context.Context, role string) error {
	for _, k := range o.shape.keys {
		if !k.guessable {
			continue
		}
		values, ok, err := o.clash(ctx, k)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		sql, args := o.shape.insertion(values)
		a, err := o.stage.try(ctx, role, o.me, sql, args...)
		if err != nil {
			return err
		}
		if a.code == uniqueTaken {
			o.find(Finding{Code: ConflictTells, Advice: true, Tried: "insert the " + strings.Join(k.columns, ", ") + " of B's row as " + asWho(role, o.me.name), CameBack: a.String(),
				Mend: "begin the key with the owner's column, or use random uuids: " + k.name})
		}
	}
	return nil
}

// defaults tries an insert that does not say whose it is, where the column's default reads the setting.
func (o *ownTrial) defaults(ctx context.Context, role string) error {
	for _, name := range []string{o.owns.OrgColumn, o.owns.UserColumn} {
		c := o.shape.column(name)
		if c == nil || !strings.Contains(c.fallback, "'clerk.") {
			continue
		}
		values, room, err := o.fresh(ctx, o.me.person)
		if err != nil || values == nil {
			return err
		}
		sql, args := o.shape.insertion(without(values, name))
		d := deed{"insert", "insert a row of its own without " + quote(name) + ", which has a default,", o.me, sql, args, true, room, false}
		if err := o.do(ctx, role, d); err != nil {
			return err
		}
	}
	return nil
}
