package projections

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// root is where the tree begins, seen from here.
const root = "../"

// after is a moment behind every clock of the samples.
var after = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// tables is a database with the tables of some read models in schema g and their views in schema v.
type tables struct{ conn *pgx.Conn }

func newTables(t testing.TB, all ...Projection) *tables {
	t.Helper()
	b := &tables{conn: testkit.Connect(t, Stack.Database(t))}
	statements := []string{`create schema g`, `create schema v`}
	for _, part := range []func(Definition) []string{
		func(d Definition) []string { return d.CreateTables("g") },
		func(d Definition) []string { return d.CreateIndexes("g") },
		func(d Definition) []string { return d.Secure("g") },
		func(d Definition) []string { return d.CreateViews("v", "g") },
	} {
		for _, p := range all {
			statements = append(statements, part(p.Definition())...)
		}
	}
	b.exec(t, strings.Join(statements, ";\n"))
	return b
}

func (b *tables) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := b.conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// value reads one value.
func value[T any](t testing.TB, b *tables, sql string, args ...any) (v T) {
	t.Helper()
	if err := b.conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// write decodes events and writes their rows, as the projector would, in one transaction.
func (b *tables) write(t testing.TB, p Projection, all ...events.Event) (o Outcome) {
	t.Helper()
	rows := make([]Row, len(all))
	for i := range all {
		rows[i] = decode(t, p, all[i])
		rows[i].Sequence = uint64(i + 1)
	}
	err := pgx.BeginFunc(t.Context(), b.conn, func(tx pgx.Tx) (err error) {
		o, err = p.Write(t.Context(), tx, "g", rows)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func decode(t testing.TB, p Projection, e events.Event) Row {
	t.Helper()
	row, err := p.Decode(&e)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// try is write in a transaction that is rolled back; look sees what it wrote.
func (b *tables) try(t testing.TB, p Projection, e events.Event, look func(context.Context, pgx.Tx)) {
	t.Helper()
	tx, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := p.Write(t.Context(), tx, "g", []Row{decode(t, p, e)}); err != nil {
		t.Fatal(err)
	}
	look(t.Context(), tx)
}

// event is what ingest would make of a body; id orders events of equal clocks.
func event(id string, text []byte) events.Event {
	e, _ := events.New(events.Intake{ID: id, Instance: "prod", Source: events.SourceWebhook, Received: after}, text)
	return e
}

func sample(t testing.TB, name string) events.Event {
	t.Helper()
	return event("msg_sample", body(t, name))
}

func body(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(root + "testdata/payloads/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// projectionOf finds the read model that an event belongs to.
func projectionOf(t testing.TB, all []Projection, e *events.Event) Projection {
	t.Helper()
	for _, p := range all {
		if p.Wants(e.Object, e.Verb) {
			return p
		}
	}
	t.Fatalf("no read model wants %s", e.Type)
	return nil
}
