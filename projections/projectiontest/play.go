package projectiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// message is an event and its place on the stream.
type message struct {
	event    *events.Event
	sequence uint64
}

var (
	errMiscounted = errors.New("outcome does not add up: each row given is applied, a duplicate or stale")
	errNotIdle    = errors.New("rows that were there already are reported as applied")
)

// play brings the events into p's tables in one way and lets look see them.
func (d *database) play(ctx context.Context, p projections.Projection, all []events.Event, w way, look func(context.Context, pgx.Tx, generation) error) error {
	return d.trial(ctx, func(ctx context.Context, tx pgx.Tx) error {
		g, batches := standing, stream(p, all, w)
		if w.rebuilt {
			g = rebuilt
			if err := d.rebuild(ctx, tx, p, batches[0]); err != nil {
				return fmt.Errorf("rebuild: %w", err)
			}
			batches = batches[1:]
		}
		if err := become(ctx, tx, projections.RoleProjector); err != nil {
			return err
		}
		for i, batch := range batches {
			o, err := d.write(ctx, tx, p, g, batch)
			if err != nil {
				return err
			}
			if last := i == len(batches)-1; w.idle && last && len(o.Applied) > 0 {
				return fmt.Errorf("%w: %v", errNotIdle, o.Applied)
			}
		}
		return look(ctx, tx, g)
	})
}

// stream places the events as the way has them. Who keeps states must not care for their place, so there an event's is where it comes now. A log
// keeps the place, so there an event's stays the one it was given at, however often it is read.
func stream(p projections.Projection, all []events.Event, w way) [][]message {
	batches := make([][]message, len(w.batches))
	arrival := uint64(0)
	for i, batch := range w.batches {
		for _, n := range batch {
			arrival++
			m := message{&all[n], arrival}
			if p.Kind() == projections.KindLog {
				m.sequence = uint64(n) + 1
			}
			batches[i] = append(batches[i], m)
		}
	}
	return batches
}

// rebuild makes the rebuilt generation with these messages in it.
func (d *database) rebuild(ctx context.Context, tx pgx.Tx, p projections.Projection, batch []message) error {
	if err := d.create(ctx, tx, rebuilt); err != nil {
		return err
	}
	if loader, ok := p.(projections.Loader); ok {
		rows, err := decodeAll(p, fold(p, once(batch)))
		if err != nil {
			return err
		}
		if err := loader.Load(ctx, tx, rebuilt.tables, rows); err != nil {
			return err
		}
	} else if _, err := d.write(ctx, tx, p, rebuilt, batch); err != nil {
		return err
	}
	return d.expose(ctx, tx, rebuilt)
}

// write is one batch, as the engine brings it: folded, decoded, written.
func (d *database) write(ctx context.Context, tx pgx.Tx, p projections.Projection, g generation, batch []message) (o projections.Outcome, err error) {
	rows, err := decodeAll(p, fold(p, batch))
	if err != nil || len(rows) == 0 {
		return o, err
	}
	count := len(rows)
	err = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
		o, err = p.Write(ctx, inner, g.tables, rows)
		return err
	})
	if err == nil && len(o.Applied)+o.Duplicates+o.Stale != count {
		err = fmt.Errorf("%w: %d rows, %d applied, %d duplicates, %d stale", errMiscounted, count, len(o.Applied), o.Duplicates, o.Stale)
	}
	return o, err
}

// fold keeps of each entity's messages the one with the greatest version; a log keeps all.
func fold(p projections.Projection, batch []message) []message {
	if p.Kind() == projections.KindLog {
		return batch
	}
	place := map[string]int{}
	var kept []message
	for _, m := range batch {
		i, there := place[m.event.EntityID]
		switch {
		case !there:
			place[m.event.EntityID] = len(kept)
			kept = append(kept, m)
		case m.event.Version > kept[i].event.Version:
			kept[i] = m
		}
	}
	return kept
}

// once leaves out the repeats, which a Loader does not get.
func once(batch []message) (kept []message) {
	seen := map[string]bool{}
	for _, m := range batch {
		if !seen[m.event.ID] {
			seen[m.event.ID] = true
			kept = append(kept, m)
		}
	}
	return kept
}

// decode keeps a panic to its event, as the engine does.
func decode(p projections.Projection, e *events.Event) (row projections.Row, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("Decode panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Decode(e)
}

func decodeAll(p projections.Projection, batch []message) ([]projections.Row, error) {
	rows := make([]projections.Row, len(batch))
	for i, m := range batch {
		row, err := decode(p, m.event)
		if err != nil {
			return nil, err
		}
		row.Sequence = m.sequence
		rows[i] = row
	}
	return rows, nil
}
