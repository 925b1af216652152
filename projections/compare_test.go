package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/e2e/golden"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// fatal is a test, one of rapid's too.
type fatal interface{ Fatal(args ...any) }

// compare is how p finds the rows to stand in the tables: each differing or missing one, by its key, as the columns' names.
func compare(ctx context.Context, t fatal, tx pgx.Tx, p Projection, rows []Row) map[string]string {
	standings, err := p.(Comparer).Compare(ctx, tx, "g", rows)
	if err != nil {
		t.Fatal(err)
	}
	if len(standings) != len(rows) {
		t.Fatal(len(standings), "standings of", len(rows), "rows")
	}
	found := map[string]string{}
	for i, s := range standings {
		switch {
		case s.Key != rows[i].Key:
			t.Fatal(s.Key, "stands where", rows[i].Key, "was asked for")
		case s.Stored == "":
			found[s.Key] = "missing " + strings.Join(s.Differs, ",")
		case len(s.Differs) > 0:
			found[s.Key] = strings.Join(s.Differs, ",")
		}
	}
	return found
}

// states are the rows of all samples of one read model, each as an entity of its own.
func states(t *testing.T, p Projection) (rows []Row) {
	t.Helper()
	names, err := golden.Samples(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		in := events.Intake{ID: "msg_" + name, Instance: "prod", Source: events.SourceWebhook, Received: after, KeepPrivateMetadata: true}
		e, _ := events.New(in, body(t, name))
		if p.Wants(e.Object, e.Verb) {
			e.EntityID += fmt.Sprintf("_%03d", len(rows))
			rows = append(rows, decode(t, p, e))
		}
	}
	return rows
}

// another is how to change a value of each type a little, and what to put into the place of NULL.
var another = map[string]string{
	"text":                     `coalesce(%[1]s, '') || 'x'`,
	"boolean":                  `not coalesce(%[1]s, false)`,
	"bigint":                   `coalesce(%[1]s, 0) # 1`,
	"bytea":                    `coalesce(set_byte(%[1]s, 0, get_byte(%[1]s, 0) # 1), '\x00')`,
	"timestamp with time zone": `coalesce(%[1]s, 'epoch') + interval '1 millisecond'`,
	"jsonb":                    `case when jsonb_typeof(%[1]s) in ('object', 'array') then %[1]s || '{"planted": 1}' else '1' end`,
}

// column is one column of one table of a read model.
type column struct{ Table, Name, Type string }

func (b *tables) columns(t *testing.T, p Projection) []column {
	t.Helper()
	var names []string
	for _, table := range p.Definition().Tables {
		names = append(names, table.Name)
	}
	rows, err := b.conn.Query(t.Context(), `select table_name, column_name, data_type from information_schema.columns
where table_schema = 'g' and table_name = any($1) order by table_name, ordinal_position`, names)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil || len(all) == 0 {
		t.Fatalf("columns of %s: %v", p.Name(), err)
	}
	return all
}

// Whatever Write wrote Compare finds equal, and whatever anybody else changes it names: by the column, or by the child table.
func TestCompareNamesTheColumnThatSomebodyChanged(t *testing.T) {
	t.Parallel()
	all := WithPrivateMetadata(All())
	b := newTables(t, all...)
	for _, p := range all {
		rows := states(t, p)
		tx, err := b.conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found := compare(t.Context(), t, tx, p, rows); len(found) != len(rows) || found[rows[0].Key] != "missing " {
			t.Errorf("%s: of empty tables it says %v", p.Name(), found)
		}
		if _, err := p.Write(t.Context(), tx, "g", slices.Clone(rows)); err != nil {
			t.Fatal(err)
		}
		if found := compare(t.Context(), t, tx, p, rows); len(found) > 0 {
			t.Errorf("%s: of what was just written it says %v", p.Name(), found)
		}
		for _, c := range b.columns(t, p) {
			b.plant(t, tx, p, c, rows)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// plant changes the column of one row and takes the change back.
func (b *tables) plant(t *testing.T, tx pgx.Tx, p Projection, c column, rows []Row) {
	t.Helper()
	quoted := quote(c.Name)
	owner, want := "id", c.Name
	if c.Table != p.Name() {
		want = c.Table
		for _, table := range p.Definition().Tables {
			if table.Name == c.Table {
				owner, _, _ = strings.Cut(strings.TrimPrefix(table.Columns, `"`), `"`)
			}
		}
	}
	inner, err := tx.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Rollback(t.Context()) }()
	var key string
	err = inner.QueryRow(t.Context(), `with chosen as (select ctid, `+quote(owner)+` as owner from g.`+quote(c.Table)+` order by `+quoted+` is null, 2 limit 1)
update g.`+quote(c.Table)+` t set `+quoted+` = `+fmt.Sprintf(another[c.Type], "t."+quoted)+` from chosen where t.ctid = chosen.ctid returning chosen.owner`).Scan(&key)
	if err != nil {
		t.Fatalf("plant in %s.%s: %v", c.Table, c.Name, err)
	}
	wanted := map[string]string{key: want}
	switch c.Name {
	case "id":
		wanted[key] = "missing "
	case "version", "documents_hash":
		wanted = map[string]string{} // no fact about the entity
	}
	if diff := cmp.Diff(wanted, compare(t.Context(), t, inner, p, rows)); diff != "" {
		t.Errorf("%s.%s of %s was changed (-want +found):\n%s", c.Table, c.Name, key, diff)
	}
}

// Any rows, few and many, with all that is special to Postgres and with the same JSON in another spelling.
func TestCompareFindsNoDifferenceInWhatWasWritten(t *testing.T) {
	t.Parallel()
	p := things()
	b := newTables(t, p)
	rapid.Check(t, func(rt *rapid.T) {
		all := drawEvents(rt)
		rows := rowsOf(rt, p, all)
		tx, err := b.conn.Begin(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if _, err := p.Write(t.Context(), tx, "g", slices.Clone(rows)); err != nil {
			rt.Fatal(err)
		}
		for i := range all {
			var respelt bytes.Buffer
			if err := json.Indent(&respelt, all[i].Body, "", " "); err != nil {
				rt.Fatal(err)
			}
			all[i].Body = respelt.Bytes()
		}
		respelt := rowsOf(rt, p, all)
		for name, asked := range map[string][]Row{"the rows": rows, "the rows spelt otherwise": respelt} {
			if found := compare(t.Context(), rt, tx, p, asked); len(found) > 0 {
				rt.Fatalf("of %s it finds %d different", name, len(found))
			}
		}
		if _, err := tx.Exec(t.Context(), `update g.things set flag = not flag where id = 'x_0'`); err != nil {
			rt.Fatal(err)
		}
		if found := compare(t.Context(), rt, tx, p, rows); len(found) != 1 || found["x_0"] != "flag" {
			rt.Fatalf("of %d rows with one changed it finds %d different", len(rows), len(found))
		}
	})
}

func TestATombstoneDiffersFromAnythingAliveInNothingButThat(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	alive, gone := account("a", noon, "Ada", "a@x.example"), event("msg_gone", testkit.Body("user.deleted", noon.Add(time.Second), testkit.Data{"id": "b"}))
	b.write(t, p, alive, account("b", noon, "Ben", "b@x.example"))
	b.write(t, p, gone)
	dead := event("msg_dead", testkit.Body("user.deleted", noon.Add(time.Second), testkit.Data{"id": "a"}))
	rows := []Row{decode(t, p, dead), decode(t, p, account("b", noon.Add(time.Minute), "Ben", "b@x.example"))}
	tx, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	standings, err := p.(Comparer).Compare(t.Context(), tx, "g", rows)
	if err != nil {
		t.Fatal(err)
	}
	want := []Standing{{"a", alive.Version, []string{"deleted"}}, {"b", gone.Version, []string{"deleted"}}}
	if diff := cmp.Diff(want, standings); diff != "" {
		t.Error(diff)
	}
	if found := compare(t.Context(), t, tx, p, []Row{decode(t, p, gone)}); len(found) > 0 {
		t.Errorf("a tombstone differs from itself: %v", found)
	}
}

// Whoever compares may read, and nothing else: a watch writes to the stream alone.
func TestAReaderMayCompare(t *testing.T) {
	t.Parallel()
	p := users()
	b := newTables(t, p, organizations(), organizationMemberships())
	b.exec(t, `grant usage on schema g to `+RoleReader)
	var all []events.Event
	for i := range copyFrom + 10 {
		all = append(all, account(fmt.Sprintf("u_%d", i), noon, "Ada", fmt.Sprintf("a%d@x.example", i)))
	}
	b.write(t, p, all...)
	var rows []Row
	for _, e := range all {
		rows = append(rows, decode(t, p, e))
	}
	reader := &tables{conn: testkit.Connect(t, b.conn.Config().ConnString())}
	reader.exec(t, `set role `+RoleReader+`; set default_transaction_read_only = on`)
	for _, n := range []int{0, 1, len(rows)} {
		err := pgx.BeginFunc(t.Context(), reader.conn, func(tx pgx.Tx) error {
			if found := compare(t.Context(), t, tx, p, rows[:n]); len(found) > 0 {
				t.Errorf("of %d rows it says %v", n, found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	reader.exec(t, `set default_transaction_read_only = off`)
	err := pgx.BeginFunc(t.Context(), reader.conn, func(tx pgx.Tx) error {
		_, err := p.Write(t.Context(), tx, "g", []Row{decode(t, p, account("u_0", noon.Add(time.Hour), "Eda"))})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the reader writes: %v", err)
	}
}

// What somebody changed in Postgres is not what its hashes say. A webhook, which trusts them, leaves it; what was read from the API to repair it does not.
func TestAnObservedEventMendsWhatTheHashesHide(t *testing.T) {
	t.Parallel()
	p := users()
	for source, mended := range map[events.Source]bool{
		events.SourceWebhook: false, events.SourceBackfill: true, events.SourceReconcile: true, events.SourceHydrate: true,
	} {
		t.Run(string(source), func(t *testing.T) {
			t.Parallel()
			b := newTables(t, p, organizations(), organizationMemberships())
			b.write(t, p, account("a", noon, "Ada", "a@x.example", "b@x.example"), account("other", noon, "Ben", "c@x.example"))
			b.exec(t, `update g.users set public_metadata = '{"role":"admin"}', children_hash = null where id = 'a';
delete from g.user_identifiers where value = 'a@x.example';
insert into g.user_identifiers select 'a', kind, 'planted@x.example', verified from g.user_identifiers where value = 'b@x.example'`)
			if source == events.SourceWebhook {
				// With its hash in place the webhook sees nothing to write.
				b.exec(t, `update g.users set children_hash = '`+hashText(decode(t, p, account("a", noon, "Ada", "a@x.example", "b@x.example")))+`' where id = 'a'`)
			}
			e := account("a", noon.Add(time.Second), "Ada", "a@x.example", "b@x.example")
			e.Source = source
			b.write(t, p, e, account("other", noon.Add(time.Second), "Ben B.", "c@x.example"))
			err := pgx.BeginFunc(t.Context(), b.conn, func(tx pgx.Tx) error {
				found := compare(t.Context(), t, tx, p, []Row{decode(t, p, e)})
				if whole := len(found) == 0; whole != mended {
					t.Errorf("afterwards it says %v", found)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func hashText(row Row) string { return fmt.Sprintf(`\x%x`, row.childrenHash) }
