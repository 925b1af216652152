package projectiontest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// handmade writes its rows itself, which is where mistakes are made. Without a gate, the table keeps whatever came last.
type handmade struct {
	projections.Projection
	upsert string
	// byArrival takes the place on the stream for the version.
	byArrival bool
}

const (
	insert = `insert into %s.plain as t (id, version, deleted, name) values ($1, $2, $3, $4)
on conflict (id) do update set version = excluded.version, deleted = excluded.deleted, name = excluded.name`
	gated     = insert + ` where t.version < excluded.version`
	halfGated = insert + ` where t.version <= excluded.version`
	mortal    = insert + ` where t.version < excluded.version or t.deleted`
)

func byHand(upsert string) handmade {
	return handmade{Projection: &projections.State[desk]{
		Model: "plain", Object: events.ObjectUser,
		Columns: []projections.Column[desk]{projections.Text("name", func(d *desk) string { return d.Name })},
	}, upsert: upsert}
}

func (h handmade) Decode(e *events.Event) (projections.Row, error) {
	row := projections.Row{Key: e.EntityID, Version: e.Version}
	payload, err := events.Payload[desk](e)
	row.Value = payload.Name
	return row, err
}

func (h handmade) Write(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) (o projections.Outcome, err error) {
	for _, r := range rows {
		version, name := string(r.Version), r.Value
		if h.byArrival {
			version = fmt.Sprintf("%09d", r.Sequence)
		}
		if r.Version.Deleted() {
			name = nil
		}
		done, err := tx.Exec(ctx, fmt.Sprintf(h.upsert, tables), r.Key, version, r.Version.Deleted(), name)
		if err != nil {
			return o, err
		}
		if done.RowsAffected() == 1 {
			o.Applied = append(o.Applied, r.Key)
		} else {
			o.Stale++
		}
	}
	return o, nil
}

// decoded, written, loaded and defined each spoil one method of a right projection.
type (
	decoded struct {
		*projections.State[desk]
		spoil func(*events.Event, *projections.Row) error
		mu    *sync.Mutex // a fault that is a data race as well would fail this test for the race
	}
	written struct {
		projections.Projection // and no Loader: a rebuild goes through Write too
		spoil                  func(context.Context, pgx.Tx, string, *projections.Outcome) error
	}
	loaded struct {
		*projections.State[desk]
		spoil string
	}
	defined struct {
		*projections.State[desk]
		spoil func(*projections.Definition)
	}
)

func (d decoded) Decode(e *events.Event) (projections.Row, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row, err := d.State.Decode(e)
	return row, errors.Join(err, d.spoil(e, &row))
}

func (w written) Write(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) (projections.Outcome, error) {
	o, err := w.Projection.Write(ctx, tx, tables, rows)
	return o, errors.Join(err, w.spoil(ctx, tx, tables, &o))
}

func (l loaded) Load(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) error {
	if err := l.State.Load(ctx, tx, tables, rows); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, strings.ReplaceAll(l.spoil, "{tables}", tables))
	return err
}

func (d defined) Definition() projections.Definition {
	definition := d.State.Definition()
	d.spoil(&definition)
	return definition
}

func also(statement string) func(context.Context, pgx.Tx, string, *projections.Outcome) error {
	return func(ctx context.Context, tx pgx.Tx, tables string, _ *projections.Outcome) error {
		_, err := tx.Exec(ctx, strings.ReplaceAll(statement, "{tables}", tables))
		return err
	}
}

func needing(s *projections.State[desk], needs ...string) *projections.State[desk] {
	s.Needs = needs
	return s
}

func TestAProjectionWrittenByHandPasses(t *testing.T) {
	t.Parallel()
	kit := New(t, byHand(gated))
	kit.Given(someDesks()...)
	kit.Then("plain", Row{"name": "new"}, Row{"name": "two"})
}

// The negative control: every fault that the kit is for, and what it says of it.
func TestAWrongProjectionIsFoundOut(t *testing.T) {
	t.Parallel()
	byArrival, calls := byHand(gated), 0
	byArrival.byArrival = true
	spoilt := func(spoil func(*events.Event, *projections.Row) error) decoded {
		return decoded{desks(), spoil, &sync.Mutex{}}
	}
	for name, c := range map[string]struct {
		projection projections.Projection
		want       []string
	}{
		"it ignores versions": {byHand(insert), []string{
			"plain: its rows depend on how the events come", `- plain {"id": "user_1", "name": "new"`, `+ plain {"id": "user_1", "name": "old"`,
			"way: backwards, one by one: [5] [4] [3] [2] [1]", "3 user.updated of user_1",
		}},
		"it goes by arrival":                {byArrival, []string{"its rows depend on how the events come"}},
		"it lets a late event revive":       {byHand(mortal), []string{"its rows depend on how the events come", "backwards", "deleted"}},
		"it reports as applied what is not": {byHand(halfGated), []string{"reported as applied: [user_1 user_2 user_3]", "all at once and again"}},
		"it does not count": {written{desks(), func(_ context.Context, _ pgx.Tx, _ string, o *projections.Outcome) error {
			*o = projections.Outcome{}
			return nil
		}}, []string{"does not add up"}},
		"it fails to write": {written{desks(), also(`select nothing`)}, []string{`column "nothing" does not exist`, "way: all at once: [1 2 3 4 5]"}},
		"it writes a row for all": {
			written{desks(), also(`insert into {tables}.desks (id, version, deleted) values ('all', '', false) on conflict do nothing`)},
			[]string{"some row is written by the events of several entities", `+ desks {"id": "all"`},
		},
		"it writes another's table": {
			written{needing(desks(), "organizations"), also(`insert into {tables}.organizations (id, version, deleted) values ('org_1', '', false) on conflict do nothing`)},
			[]string{"it writes rows of another projection", `organizations {"id": "org_1"`},
		},
		"it has rights that it will not have": {written{desks(), also(`create table {tables}.more ()`)}, []string{"permission denied"}},
		"it counts on a search path":          {written{desks(), also(`select from desks`)}, []string{`relation "desks" does not exist`}},
		"its rebuild gives other rows": {loaded{desks(), `update {tables}.desks set name = upper(name)`}, []string{
			"its rows depend on how the events come", `+ desks {"id": "user_2", "name": "TWO"`, "way: rebuilt: rebuild of [1 2 3 4 5]",
		}},
		"its rebuild fails": {loaded{desks(), `select nothing`}, []string{`rebuild: ERROR: column "nothing"`}},
		"it is not pure":    {spoilt(func(_ *events.Event, r *projections.Row) error { calls++; r.Value = calls; return nil }), []string{"Decode is not pure: event 1"}},
		"it changes the body": {spoilt(func(e *events.Event, _ *projections.Row) error {
			copy(e.Body, bytes.Replace(e.Body, []byte(`"event"`), []byte(`"EVENT"`), 1))
			return nil
		}), []string{"changes the body"}},
		"it panics": {spoilt(func(*events.Event, *projections.Row) error { panic("oh") }), []string{"event 1 would be a dead letter: Decode panicked: oh", "wrong_test.go"}},
		"it names rows otherwise": {spoilt(func(_ *events.Event, r *projections.Row) error { r.Key = "desk"; return nil }), []string{
			`event 1 has key "user_1"`, `its row has "desk"`,
		}},
		"it makes versions of its own": {spoilt(func(_ *events.Event, r *projections.Row) error { r.Version = "z"; return nil }), []string{`its row has "user_1" and "z"`}},
		"it cannot read an event": {spoilt(func(e *events.Event, _ *projections.Row) error {
			if e.EntityID == "user_2" {
				return errors.New("unreadable")
			}
			return nil
		}), []string{"event 2 would be a dead letter: unreadable"}},
		"it shows what is deleted": {defined{desks(), func(d *projections.Definition) { d.Views[0].Hide = nil }}, []string{
			"its view shows what is deleted", `desks {"id": "user_1"`, "user.deleted of user_1 at 2015-01-01",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := complaint(t, func(tb testing.TB) {
				kit := New(tb, c.projection)
				kit.Seed = 7
				kit.Given(someDesks()...)
				kit.Then(c.projection.Name(), Row{"name": "new"}, Row{"name": "two"})
			})
			mustSay(t, said, c.want...)
			if testing.Verbose() {
				t.Log(said)
			}
		})
	}
}
