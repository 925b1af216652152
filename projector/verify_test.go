package projector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

// populate fills the stream so that every built-in table gets rows, and projects it.
func (b *bed) populate(t *testing.T) {
	t.Helper()
	messages, _ := history(1, 40, 300)
	b.append(t, messages)
	// The simulator sends no webhook of these, because Clerk has none: they are polled.
	body, err := os.ReadFile("../testdata/payloads/enterpriseConnection.updated.polled.json")
	if err != nil {
		t.Fatal(err)
	}
	b.project(t, b.config(), b.Publish(t, "msg_connection", body))
}

// differences is what a comparison found, by table and by "kind key": the columns.
func differences(all []TableComparison) map[string]map[string]string {
	found := map[string]map[string]string{}
	for _, table := range all {
		for _, c := range table.Changes {
			for _, s := range c.Samples {
				if found[table.Table] == nil {
					found[table.Table] = map[string]string{}
				}
				key := make([]string, len(s.Key))
				for i, k := range s.Key {
					key[i] = k.text()
				}
				found[table.Table][string(c.Kind)+" "+strings.Join(key, "|")] = strings.Join(c.Columns, ",")
			}
		}
	}
	return found
}

// verify is Verify with every differing row named in full.
func (b *bed) verify(t *testing.T, o *Operator) Verified {
	t.Helper()
	v, err := o.Verify(t.Context(), VerifyOptions{Samples: 1000, ShowValues: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// another is how to change a value of each type a little, and what to put into the place of NULL.
var another = map[string]string{
	"text":                     `coalesce(left(%[1]s, -1) || chr(ascii(right(%[1]s, 1)) # 1), 'x')`,
	"boolean":                  `not coalesce(%[1]s, false)`,
	"bigint":                   `coalesce(%[1]s, 0) # 1`,
	"bytea":                    `coalesce(set_byte(%[1]s, 0, get_byte(%[1]s, 0) # 1), '\x00')`,
	"timestamp with time zone": `coalesce(%[1]s, 'epoch') + interval '1 microsecond'`,
	"jsonb":                    `case when jsonb_typeof(%[1]s) in ('object', 'array') then %[1]s || '{"planted": 1}' else '1' end`,
}

func TestOneChangedByteInAnyColumnOfAnyTableIsFoundByVerifyWhichNamesTheRow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.populate(t)
	o := b.operator(t, b.config())
	if v := b.verify(t, o); !v.Clean() || v.Differing != 0 || len(v.Tables) != len(o.tableNames()) {
		t.Fatalf("a healthy database differs: %v, in %d tables", differences(v.Tables), len(v.Tables))
	}
	tables, err := tablesIn(t.Context(), b.conn, "clerk_g1", o.tableNames())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		p := planting{bed: b, table: pgx.Identifier{"clerk_g1", name}.Sanitize(), columns: tables[name]}
		want := p.changeEachColumnOnce(t)
		if found := differences(b.verify(t, o).Tables); len(found) != 1 || !maps.Equal(found[name], want) {
			t.Errorf("in %s was changed %v, and verify found %v", name, want, found)
		}
		p.restore(t)

		want = p.renameOne(t)
		if found := differences(b.verify(t, o).Tables); len(found) != 1 || !maps.Equal(found[name], want) {
			t.Errorf("in %s was renamed %v, and verify found %v", name, want, found)
		}
		p.restore(t)
	}
	if v := b.verify(t, o); !v.Clean() {
		t.Errorf("what was put right differs: %v", differences(v.Tables))
	}
}

// planting changes rows of one table behind the projector's back.
type planting struct {
	*bed
	table   string
	columns []tableColumn
	keys    []string
}

// key is the SQL of a row's name.
func (p *planting) key() string {
	var parts []string
	for _, k := range keyOf(p.columns) {
		parts = append(parts, pgx.Identifier{k.name}.Sanitize())
	}
	return strings.Join(parts, ` || '|' || `)
}

// changeEachColumnOnce changes a different row for each column, as far as there are rows.
func (p *planting) changeEachColumnOnce(t *testing.T) map[string]string {
	t.Helper()
	p.exec(t, `create schema if not exists untouched; drop table if exists untouched.rows; create table untouched.rows as table `+p.table)
	p.keys = value[[]string](t, p.bed, `select array_agg(`+p.key()+` order by `+p.key()+`) from `+p.table)
	if len(p.keys) == 0 {
		t.Fatalf("%s has no rows", p.table)
	}
	want := map[string][]string{}
	for i, c := range p.columns {
		if c.key >= 0 {
			continue
		}
		key := p.keys[i%len(p.keys)]
		quoted := pgx.Identifier{c.name}.Sanitize()
		tag, err := p.conn.Exec(t.Context(), `update `+p.table+` set `+quoted+` = `+fmt.Sprintf(another[c.typ], quoted)+` where `+p.key()+` = $1`, key)
		if err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("change %s of %s in %s: %v, %v", c.name, key, p.table, tag, err)
		}
		want["changed "+key] = append(want["changed "+key], c.name)
	}
	joined := map[string]string{}
	for key, columns := range want {
		joined[key] = strings.Join(columns, ",")
	}
	return joined
}

// renameOne changes the last byte of one row's key.
func (p *planting) renameOne(t *testing.T) map[string]string {
	t.Helper()
	keys := keyOf(p.columns)
	last := pgx.Identifier{keys[len(keys)-1].name}.Sanitize()
	var renamed string
	err := p.conn.QueryRow(t.Context(), `
update `+p.table+` set `+last+` = `+fmt.Sprintf(another["text"], last)+` where `+p.key()+` = $1 returning `+p.key(), p.keys[0]).Scan(&renamed)
	if err != nil {
		t.Fatal(err)
	}
	// Seen from the live side, what only the fold has is added.
	return map[string]string{"added " + p.keys[0]: "", "removed " + renamed: ""}
}

func (p *planting) restore(t *testing.T) {
	t.Helper()
	p.exec(t, `delete from `+p.table+`; insert into `+p.table+` select * from untouched.rows`)
}

func TestAHealthyDatabaseVerifiesCleanWhileEventsAreWritten(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	b.until(t, b.fill(t, 50, "first"))
	o := b.operator(t, b.config())
	names, stop := b.writing(t)
	last := uint64(0)
	for round := range 6 {
		if round%2 == 1 { // memory for a few messages only: the version gate decides from then on
			o.config.FoldBytes = 100 << 10
		}
		b.until(t, last+20)
		v := b.verify(t, o)
		if !v.Clean() || v.Sequence <= last {
			t.Errorf("at %d, after %d: %v", v.Sequence, last, differences(v.Tables))
		}
		last = v.Sequence
	}
	stop()
	b.until(t, names.all[len(names.all)-1].sequence) // or a newer row would cover what is planted
	b.exec(t, `update clerk_g1.users set last_name = 'x' where id = 'user_7'`)
	if found := differences(b.verify(t, o).Tables); len(found) != 1 || !maps.Equal(found["users"], map[string]string{"changed user_7": "last_name"}) {
		t.Errorf("of one planted change it found %v", found)
	}
}

// writing publishes users, one after the other, until stop is called. names are their newest names by id, and up to which message they stand.
func (b *bed) writing(t *testing.T) (names *published, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	names = &published{}
	ended.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			<-pace.C
			id, name := fmt.Sprintf("user_%d", i%60), fmt.Sprintf("name%d", i)
			end := b.Publish(t, fmt.Sprintf("msg_w%d", i), named(id, noon.Add(time.Duration(i+1)*time.Second), name))
			names.mu.Lock()
			names.all = append(names.all, publishedName{end, id, name})
			names.mu.Unlock()
		}
	})
	stop = func() { cancel(); ended.Wait() }
	t.Cleanup(stop)
	return names, stop
}

// published is what a writer has written so far.
type published struct {
	mu  sync.Mutex
	all []publishedName
}

type publishedName struct {
	sequence uint64
	id, name string
}

func TestVerifyNeedsNoMoreThanAProjectorAndLeavesDeadLettersAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", named("user_1", noon, "first"))
	b.Publish(t, "msg_2", named("user_1", noon.Add(time.Hour), "undecodable"))
	b.Publish(t, "msg_3", named("user_2", noon, "refused"))
	c := b.pickyConfig()
	b.project(t, c, b.Publish(t, "msg_4", []byte(`{"type":"user.updated","timestamp":1,"data":{"id":"user_3"}}`)))
	letters := `select string_agg(l::text, e'\n' order by sequence, read_model) from clerkstream.dead_letters l`
	before := value[string](t, b, letters)
	log := &syncbuffer.Buffer{}
	c.DatabaseURL, c.Log = b.login(t, "verifier", "clerkstream_projector"), slog.New(slog.NewTextHandler(log, nil))
	if v := b.verify(t, b.operator(t, c)); !v.Clean() {
		t.Errorf("it differs: %v", differences(v.Tables))
	}
	if after := value[string](t, b, letters); after != before {
		t.Errorf("the letters were\n%s\nand are\n%s", before, after)
	}
	if strings.Contains(log.String(), "dead letter") {
		t.Errorf("it took them for new ones: %s", log.String())
	}
}

func TestVerifyFindsARepeatedRowInATableWithoutAKey(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.sequencesConfig(), b.fill(t, 20, "a"))
	o := b.operator(t, b.sequencesConfig())
	if v := b.verify(t, o); !v.Clean() {
		t.Fatalf("a healthy database differs: %v", differences(v.Tables))
	}
	b.exec(t, `insert into clerk_g1.sequences values (7), (7)`)
	v := b.verify(t, o)
	at := slices.IndexFunc(v.Tables, func(t TableComparison) bool { return t.Table == "sequences" })
	if got := v.Tables[at]; v.Differing != 2 || len(got.Changes) != 1 || got.Changes[0].Kind != ChangeRemoved || got.Live.Rows != 22 || got.Other.Rows != 20 {
		t.Errorf("of two repeated rows it found %+v", got)
	}
}

func TestTheVerifyVerbListsEveryTableAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 3, "ada"))
	o := b.operator(t, b.config())
	var out bytes.Buffer
	if err := (&verifyVerb{Samples: 5}).do(t.Context(), o, &out); err != nil || strings.Count(out.String(), "\n") != 2+len(o.tableNames()) {
		t.Errorf("a healthy database: %v\n%s", err, out.String())
	}
	b.exec(t, `delete from clerk_g1.users where id = 'user_0'; update clerk_g1.users set first_name = 'eve' where id = 'user_1';
insert into clerk_g1.users (id, version, deleted) values ('user_9', '1', false)`)
	out.Reset()
	var refusal *RefusedError
	if err := (&verifyVerb{Samples: 5}).do(t.Context(), o, &out); !errors.As(err, &refusal) || !slices.Equal(refusal.Reasons, []string{"users: 3 rows are not what the stream says"}) {
		t.Errorf("it ended with %v", err)
	}
	for _, line := range []string{
		"users: 1 row missing\n  user_0\n", "users: 1 row that the stream knows nothing of\n  user_9\n",
		"users: 1 row changed in first_name\n  user_1  first_name: text(3) → text(3)\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("it does not say %q:\n%s", line, out.String())
		}
	}
	out.Reset()
	var v Verified
	if err := (&verifyVerb{Samples: 5, JSON: true}).do(t.Context(), o, &out); !errors.As(err, &refusal) || json.Unmarshal(out.Bytes(), &v) != nil || v.Differing != 3 {
		t.Errorf("as JSON: %v\n%s", err, out.String())
	}
}
