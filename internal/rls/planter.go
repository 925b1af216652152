package rls

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/projections"
)

// planter puts rows into tables that it knows only from the catalogue.
type planter struct {
	stage *stage
	// owned says which columns name whom a row belongs to.
	owned func(oid uint32) owns
	// set are values that a person gave, by "table.column", "schema.table.column" or "column".
	set    map[string]string
	shapes map[uint32]*shape
	// planted are the parents that are there already, by table and person.
	planted map[string]row
}

// unplantable says why there is no row to try with.
type unplantable struct{ table, reason string }

func (u *unplantable) Error() string { return u.table + ": " + u.reason }

const (
	// deepest is how far a chain of foreign keys is followed.
	deepest = 6
	// patience is how many values are tried until checks and unique keys are satisfied.
	patience = 80
	// collisions is how often new values may meet a unique key: where the type has room, once is unlikely.
	collisions = 5
)

func (p *planter) shape(ctx context.Context, oid uint32) (s *shape, err error) {
	if s = p.shapes[oid]; s == nil {
		if err = p.stage.settle(ctx); err != nil {
			return nil, err
		}
		if s, err = loadShape(ctx, p.stage.tx, oid); err == nil {
			p.shapes[oid] = s
		}
	}
	return s, err
}

// plant puts in a row that belongs to who, with the given values.
func (p *planter) plant(ctx context.Context, oid uint32, who person, given map[string]string, depth int) (row, error) {
	s, err := p.shape(ctx, oid)
	if err != nil {
		return row{}, err
	}
	values, err := p.draft(ctx, s, who, given, depth)
	if err != nil {
		return row{}, err
	}
	return p.insert(ctx, s, who, values)
}

// fresh is the values of one more row that belongs to who, which Postgres would take: it was planted and is gone again. room is a statement that made room
// for it, or nothing.
func (p *planter) fresh(ctx context.Context, oid uint32, who person, room string) (values map[string]*string, err error) {
	if err = p.stage.settle(ctx); err != nil {
		return nil, err
	}
	if _, err = p.stage.tx.Exec(ctx, `savepoint fresh; `+room); err != nil {
		return nil, err
	}
	known := maps.Clone(p.planted)
	r, err := p.plant(ctx, oid, who, nil, 0)
	p.planted = known // parents that came with it are gone with it
	p.stage.undo = "" // the savepoint below undoes it too
	if _, failed := p.stage.tx.Exec(ctx, `rollback to savepoint fresh; release savepoint fresh`); failed != nil {
		return nil, failed
	}
	return r.given, err
}

// draft is the values of a row that belongs to who. Its columns' own defaults are left to Postgres, but for the owner: nobody is the default then.
func (p *planter) draft(ctx context.Context, s *shape, who person, given map[string]string, depth int) (map[string]*string, error) {
	values := map[string]*string{}
	o := p.owned(s.oid)
	for name, id := range map[string]string{o.OrgColumn: who.org, o.UserColumn: who.user} {
		if s.column(name) == nil {
			continue
		}
		values[name] = nil
		if id != "" || who.name == blank.name {
			values[name] = &id
		}
	}
	for _, c := range s.columns {
		if text, ok := p.chosen(s, c.name); ok {
			values[c.name] = &text
		}
	}
	for name, text := range given {
		values[name] = &text
	}
	if err := p.adopt(ctx, s, who, values, depth); err != nil {
		return nil, err
	}
	for i := range s.columns {
		c := &s.columns[i]
		if _, has := values[c.name]; !has && c.needed() {
			text := c.value()
			values[c.name] = &text
		}
	}
	return values, nil
}

func (p *planter) chosen(s *shape, column string) (text string, ok bool) {
	plain := strings.ReplaceAll(s.name, `"`, "")
	_, table, _ := strings.Cut(plain, ".")
	for _, name := range []string{plain + "." + column, table + "." + column, column} {
		if text, ok = p.set[name]; ok {
			return text, true
		}
	}
	return "", false
}

// adopt gives the row parents that belong to the same person, where it cannot be without.
func (p *planter) adopt(ctx context.Context, s *shape, who person, values map[string]*string, depth int) error {
	for _, k := range s.parents {
		asks := map[string]string{}
		wanted := false
		for i, name := range k.columns {
			if v, has := values[name]; has && v != nil {
				asks[k.referred[i]] = *v
				wanted = true
			} else if c := s.column(name); c != nil && c.needed() {
				wanted = true
			}
		}
		if !wanted || depth >= deepest || k.parent == s.oid && len(asks) == 0 {
			continue
		}
		parent, err := p.parent(ctx, k.parent, who, asks, depth+1)
		var missing *unplantable
		switch {
		case errors.As(err, &missing) && p.stage.free: // nobody asks the foreign key
			continue
		case err != nil:
			return err
		}
		for i, name := range k.columns {
			if text, ok := parent.values[k.referred[i]]; ok {
				values[name] = &text
			}
		}
	}
	return nil
}

func (p *planter) parent(ctx context.Context, oid uint32, who person, asks map[string]string, depth int) (r row, err error) {
	id := fmt.Sprint(oid, who, asks)
	if r, ok := p.planted[id]; ok {
		return r, nil
	}
	if r, err = p.plant(ctx, oid, who, asks, depth); err == nil {
		p.planted[id] = r
	}
	return r, err
}

// insert tries values until the table's checks and keys are satisfied.
func (p *planter) insert(ctx context.Context, s *shape, who person, values map[string]*string) (r row, err error) {
	fixed := slices.Collect(maps.Keys(values))
	fixed = slices.DeleteFunc(fixed, func(name string) bool { c := s.column(name); return c.needed() && !p.owns(s, name) })
	taken := 0
	next := map[string]int{} // by check, the candidate to try next
	for range patience {
		o, err := p.put(ctx, s, who, values)
		switch {
		case err != nil:
			return r, err
		case o.code == "":
			if r, err = decodeRow(who, o.values[0]); err == nil {
				r.given = values
			}
			return r, err
		case o.code == uniqueTaken:
			if taken++; taken > collisions || !renew(s, values, fixed) {
				return r, &unplantable{s.name, o.String()}
			}
		case o.code == checkFails:
			if !satisfy(s, values, o.message, next, func(name string) bool { return !p.owns(s, name) }) {
				return r, &unplantable{s.name, o.String()}
			}
		default:
			return r, &unplantable{s.name, o.String()}
		}
	}
	return r, &unplantable{s.name, "no values found that its checks and unique keys accept"}
}

func (p *planter) owns(s *shape, name string) bool {
	o := p.owned(s.oid)
	return name == o.OrgColumn || name == o.UserColumn
}

// put inserts as whoever may: the login itself, the projector into a read model, or the tenant whose row it is.
func (p *planter) put(ctx context.Context, s *shape, who person, values map[string]*string) (o outcome, err error) {
	sql, args := s.insertion(values)
	sql += ` returning json_build_array(t.tableoid::text, t.ctid::text, to_jsonb(t))::text`
	for _, as := range []struct {
		role string
		id   identity
	}{{"", identity{unset: true}}, {projections.RoleProjector, identity{unset: true}}, {projections.RoleTenant, identity{person: who}}} {
		if as.role != "" {
			if may, err := p.stage.attempt(ctx, "set local role "+quote(as.role)+"; set local role none"); err != nil || !may {
				return o, err
			}
		}
		if o, err = p.stage.keep(ctx, as.role, as.id, sql, args...); err != nil || o.code != denied {
			return o, err
		}
	}
	return o, nil
}

// insertion is an insert of the values, each given as text.
func (s *shape) insertion(values map[string]*string) (sql string, args []any) {
	var columns, places []string
	for _, c := range s.columns {
		v, has := values[c.name]
		if !has || c.generated {
			continue
		}
		args = append(args, v)
		columns = append(columns, quote(c.name))
		places = append(places, fmt.Sprintf("$%d::text::%s", len(args), c.typ))
	}
	if len(columns) == 0 {
		return "insert into " + s.name + " as t default values", nil
	}
	return "insert into " + s.name + " as t (" + strings.Join(columns, ", ") + ") values (" + strings.Join(places, ", ") + ")", args
}

func renew(s *shape, values map[string]*string, fixed []string) (changed bool) {
	for name := range values {
		if !slices.Contains(fixed, name) {
			text := s.column(name).value()
			values[name], changed = &text, true
		}
	}
	return changed
}

// satisfy gives a column of a failing check the next candidate.
func satisfy(s *shape, values map[string]*string, message string, next map[string]int, free func(column string) bool) bool {
	for _, check := range s.checks {
		if !strings.Contains(message, `"`+check.name+`"`) {
			continue
		}
		n := next[check.name]
		next[check.name]++
		for _, name := range check.columns {
			c := s.column(name)
			if c == nil || c.generated || !free(name) {
				continue
			}
			candidates := c.candidates(check)
			if n < len(candidates) {
				values[name] = &candidates[n]
				return true
			}
			n -= len(candidates)
		}
		return false
	}
	return false
}
