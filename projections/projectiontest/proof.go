package projectiontest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// proof is what Then shows of one projection under test.
type proof struct {
	*Kit
	projection projections.Projection
	given      []events.Event
}

func (p *proof) run() {
	p.t.Helper()
	p.decodesPurely()
	p.ownsItsRows(p.convergesIn(p.given, false))
	if gone := p.withDeletes(); gone != nil {
		p.convergesIn(gone, true)
	}
}

// decodesPurely decodes every event again and again, at the same time and in different orders.
func (p *proof) decodesPurely() {
	p.t.Helper()
	const times = 4
	var (
		rows  [times][]projections.Row
		fails [times][]error
		all   sync.WaitGroup
		count = len(p.given)
	)
	bodies := make([][]byte, count)
	for i := range p.given {
		bodies[i] = bytes.Clone(p.given[i].Body)
	}
	for n := range times {
		rows[n], fails[n] = make([]projections.Row, count), make([]error, count)
		all.Go(func() {
			for step := range count {
				i := (step + n) % count
				e := p.given[i]
				rows[n][i], fails[n][i] = decode(p.projection, &e)
			}
		})
	}
	all.Wait()
	for i := range p.given {
		e := &p.given[i]
		if !bytes.Equal(e.Body, bodies[i]) {
			p.fail("Decode changes the body of event %d, which others read too", i+1)
		}
		if err := fails[0][i]; err != nil {
			p.fail("event %d would be a dead letter: %v", i+1, err)
		}
		if key := p.keyOf(e); rows[0][i].Key != key || rows[0][i].Version != e.Version {
			p.fail("event %d has key %q and version %q; its row has %q and %q", i+1, key, e.Version, rows[0][i].Key, rows[0][i].Version)
		}
		for n := range times {
			if !reflect.DeepEqual(rows[n][i], rows[0][i]) {
				p.fail("Decode is not pure: event %d gives another row the next time", i+1)
			}
		}
	}
}

func (p *proof) keyOf(e *events.Event) string {
	if p.projection.Kind() == projections.KindLog {
		return e.ID
	}
	return e.EntityID
}

// convergesIn takes every way and returns what the tables hold after the straight one.
func (p *proof) convergesIn(all []events.Event, gone bool) (want []string) {
	p.t.Helper()
	want = p.holds(all, straight(len(all)), gone)
	for _, w := range ways(len(all), p.Orders, p.Seed) {
		if diff := difference(want, p.holds(all, w, gone)); diff != "" {
			p.failIn(all, w, "its rows depend on how the events come\n- only when they come all at once, + only this way:\n%s", diff)
		}
	}
	return want
}

// holds is what the projection's tables hold after one way.
func (p *proof) holds(all []events.Event, w way, gone bool) (own []string) {
	p.t.Helper()
	var strange, shown []string
	err := p.db.play(p.t.Context(), p.projection, all, w, func(ctx context.Context, tx pgx.Tx, g generation) (err error) {
		if own, strange, err = p.db.content(ctx, tx, p.projection, g); err == nil && gone {
			shown, err = p.db.shown(ctx, tx, p.projection, g)
		}
		return err
	})
	switch {
	case err != nil:
		p.failIn(all, w, "%v", err)
	case len(strange) > 0:
		p.failIn(all, w, "it writes rows of another projection\n%s", strings.Join(strange, "\n"))
	case len(shown) > 0:
		p.failIn(all, w, "its view shows what is deleted\n%s", strings.Join(shown, "\n"))
	}
	return own
}

// ownsItsRows takes each entity's events alone: together they must give the rows that all events gave, and none twice.
func (p *proof) ownsItsRows(together []string) {
	p.t.Helper()
	var (
		apart  []string
		owners []string
		events = map[string][]int{}
	)
	for i := range p.given {
		key := p.keyOf(&p.given[i])
		if events[key] == nil {
			owners = append(owners, key)
		}
		events[key] = append(events[key], i)
	}
	for _, owner := range owners {
		apart = append(apart, p.holds(p.given, way{name: "only those of " + owner, batches: [][]int{events[owner]}}, false)...)
	}
	if diff := difference(together, apart); diff != "" {
		p.fail("some row is written by the events of several entities\n- only when all come together, + only when each entity's come alone:\n%s", diff)
	}
}

// longAgo is before all that Clerk ever said: a delete is final whatever its clock says.
var longAgo = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// withDeletes is the events about entities that can be deleted, and a delete of each. It is nil when there are none.
func (p *proof) withDeletes() (all []events.Event) {
	if p.projection.Kind() == projections.KindLog {
		return nil
	}
	done := map[string]bool{}
	var deletes []events.Event
	for _, e := range p.given {
		if !p.projection.Wants(e.Object, "deleted") {
			continue
		}
		all = append(all, e)
		if !done[e.EntityID] {
			done[e.EntityID] = true
			deletes = append(deletes, Event(e.Object+".deleted", longAgo, Data{"id": e.EntityID, "deleted": true}))
		}
	}
	return slices.Concat(all, deletes)
}

// fail ends the test with what is wrong with the projection, and the events it was given.
func (p *proof) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s\n%s", p.projection.Name(), fmt.Sprintf(format, args...), listed(p.given))
}

// failIn is fail with the way in which it showed.
func (p *proof) failIn(all []events.Event, w way, format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s\nway: %v\n%s", p.projection.Name(), fmt.Sprintf(format, args...), w, listed(all))
}

func listed(all []events.Event) string {
	var b strings.Builder
	b.WriteString("events:\n")
	for i, e := range all {
		fmt.Fprintf(&b, "%3d %s of %s at %s\n", i+1, e.Type, e.EntityID, e.Time.Format(time.RFC3339Nano))
	}
	return b.String()
}
