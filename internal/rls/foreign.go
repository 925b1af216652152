package rls

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/projections"
)

// tryForeignModel tries a read model that a service made itself: its rows are planted by the look of its table, and read through its view.
func (t *trial) tryForeignModel(ctx context.Context, w *world) error {
	if _, err := t.stage.plantWorld(ctx, w, t.rel.model); err != nil {
		return err
	}
	o := &ownTrial{trial: t, planter: t.newPlanter()}
	o.me, o.other = identity{person: person{"A", w.id("acme"), w.id("ada")}}, identity{person: person{"B", w.id("beta"), w.id("finn")}}
	open := slices.ContainsFunc(t.rel.policies, func(p policy) bool { return p.forTenant })
	if !open {
		t.table.Owner = "no tenant sees a row"
	}
	if err := o.plant(ctx, w); err != nil {
		return err
	}
	return o.lookThroughView(ctx, open)
}

func (o *ownTrial) lookThroughView(ctx context.Context, open bool) error {
	if len(o.shape.keys) == 0 {
		o.find(Finding{Code: CouldNotTry, Tried: "tell rows apart", CameBack: "no unique key", Mend: "give the read model's table a primary key"})
		return nil
	}
	columns := o.shape.keys[0].columns
	parts := make([]string, len(columns))
	for i, name := range columns {
		parts[i] = quote(name) + "::text"
	}
	key := "concat_ws('/', " + strings.Join(parts, ", ") + ")"
	var planted []string
	for _, r := range o.rows {
		planted = append(planted, r.values[columns[0]])
	}
	// By the key's first column, so that its index serves.
	sql := fmt.Sprintf("select %s from %s where %s = any($1::text[]::%s[])", key, quote(o.rel.model.viewsIn, o.rel.table), quote(columns[0]), o.shape.column(columns[0]).typ)
	for _, role := range o.cfg.tenantRoles() {
		for _, id := range o.identities() {
			tried := "select as " + asWho(role, id.name)
			a, err := o.stage.try(ctx, role, id, sql, planted)
			if err != nil {
				return err
			}
			if a.code != "" {
				o.refused(role, tried, a)
				continue
			}
			for _, r := range o.rows {
				for i, name := range columns {
					parts[i] = r.values[name]
				}
				seen := slices.Contains(a.values, strings.Join(parts, "/"))
				if open || seen {
					o.compare(tried, role, id, r, seen)
				}
			}
		}
	}
	a, err := o.stage.try(ctx, projections.RoleTenant, o.me, "select from "+o.rel.quoted()+" limit 1")
	if err == nil && a.code != denied {
		o.find(Finding{Code: TableReachable, Tried: "select from the table past its view as " + projections.RoleTenant, CameBack: a.String(), Mend: o.mend()})
	}
	return err
}
