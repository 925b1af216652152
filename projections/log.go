package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Log is the projection that keeps every event of some objects once, by its id, in the order of the stream. Its table has event_id, sequence,
// type, entity_id and occurred_at beside the listed columns.
type Log[T any] struct {
	// Model names the read model. Objects are those whose events it keeps; none means all.
	Model   string
	Objects []string
	Columns []Column[T]
	Indexes []string
	// Tenant is the condition under which a tenant sees a row; empty is never.
	Tenant string
	Needs  []string
	// Revision: see Definition.
	Revision int
}

// Name implements Projection.
func (l *Log[T]) Name() string { return l.Model }

// Kind implements Projection.
func (l *Log[T]) Kind() Kind { return KindLog }

// Wants implements Projection.
func (l *Log[T]) Wants(object, _ string) bool {
	return len(l.Objects) == 0 || slices.Contains(l.Objects, object)
}

// Decode implements Projection.
func (l *Log[T]) Decode(e *events.Event) (Row, error) {
	row := Row{Key: e.ID, Version: e.Version}
	payload, err := events.Payload[T](e)
	if err != nil {
		return row, err
	}
	var c cleaner
	b := appendText(nil, e.ID)
	b = appendText(b, e.Type)
	b = appendText(b, e.EntityID)
	moment := events.Time(0)
	if !e.Time.IsZero() {
		moment = c.moment(events.Time(e.Time.UnixMilli()))
	}
	b = appendMoment(b, moment)
	for i := range l.Columns {
		b = l.Columns[i].encode(b, &c, &payload)
	}
	row.fields, row.Sanitised = b, c.replaced
	return row, nil
}

// Definition implements Projection.
func (l *Log[T]) Definition() Definition {
	columns := []string{
		`event_id text primary key`, `sequence bigint not null`, `type text not null`, `entity_id text not null`, `occurred_at timestamptz`,
	}
	visible := []string{"event_id", "sequence", "type", "entity_id", "occurred_at"}
	for _, c := range l.Columns {
		columns = append(columns, quote(c.Name)+" "+c.Type.String())
		visible = append(visible, c.Name)
	}
	return Definition{
		Tables:   []Table{{Name: l.Model, Columns: strings.Join(columns, ",\n"), Indexes: append([]string{`(sequence)`}, l.Indexes...), Tenant: l.Tenant}},
		Views:    []View{{Name: l.Model, Columns: visible, From: l.Model}},
		Needs:    l.Needs,
		Revision: l.Revision,
	}
}

// Write implements Projection. An event that lies twice on the stream keeps its first sequence.
func (l *Log[T]) Write(ctx context.Context, tx pgx.Tx, tables string, rows []Row) (Outcome, error) {
	in := l.input(tables, rows)
	written, err := in.run(ctx, tx, `insert into `+in.target()+` (`+in.columns("")+`)
select `+in.columns("input.")+` from input order by sequence
on conflict (event_id) do nothing
returning event_id`)
	if err != nil {
		return Outcome{}, fmt.Errorf("write %s: %w", l.Model, err)
	}
	o := Outcome{Applied: make([]string, len(written.Rows)), Duplicates: len(rows) - len(written.Rows)}
	for i, r := range written.Rows {
		o.Applied[i] = string(r[0])
	}
	return o, nil
}

func (l *Log[T]) input(tables string, rows []Row) *input {
	in := &input{tables: tables, table: l.Model}
	in.add("sequence", TypeInt)
	in.add("event_id", TypeText)
	in.add("type", TypeText)
	in.add("entity_id", TypeText)
	in.add("occurred_at", TypeMoment)
	for _, c := range l.Columns {
		in.add(c.Name, c.Type)
	}
	for _, r := range rows {
		in.rows = append(in.rows, encoded{appendInt(nil, int64(r.Sequence)), r.fields})
	}
	return in
}
