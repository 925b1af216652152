package projector

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// fixable is a projection with a fault that is mended at run time: it cannot decode any event that says "broken".
type fixable struct {
	projections.Projection
	fixed *atomic.Bool
}

func (f fixable) Decode(e *events.Event) (projections.Row, error) {
	if !f.fixed.Load() && strings.Contains(string(e.Body), "broken") {
		return projections.Row{}, errors.New("cannot decode")
	}
	return f.Projection.Decode(e)
}

func (b *bed) fixableConfig() (c Config, fixed *atomic.Bool) {
	c, fixed = b.config(), &atomic.Bool{}
	c.Projections[0] = fixable{c.Projections[0], fixed}
	return c, fixed
}

// snapshot is every row of every table, without what is derived, by table and row.
func (b *bed) snapshot(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `select tablename from pg_tables where schemaname = 'clerk_g1'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	b.exec(t, `set timezone = 'UTC'`)
	found := map[string]bool{}
	for _, name := range tables {
		rows, err := b.conn.Query(t.Context(), `select to_jsonb(t) - $1::text[] from clerk_g1.`+name+` t`, derivedColumns)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[map[string]any])
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range texts {
			found[name+" "+asText(t, one)] = true
		}
	}
	return found
}

func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// minus lists what is in a and not in b.
func minus(a, b map[string]bool) (only []string) {
	for k := range a {
		if !b[k] {
			only = append(only, k)
		}
	}
	slices.Sort(only)
	return only
}

// promised is the rows that a retry says it takes away and puts there.
func promised(t *testing.T, changes []RowChange) (before, after map[string]bool) {
	t.Helper()
	before, after = map[string]bool{}, map[string]bool{}
	for _, c := range changes {
		for _, row := range c.Before {
			before[c.Table+" "+asText(t, row)] = true
		}
		for _, row := range c.After {
			after[c.Table+" "+asText(t, row)] = true
		}
	}
	return before, after
}

func (o *Operator) mustRetry(t *testing.T, options RetryOptions) Retried {
	t.Helper()
	done, err := o.Retry(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// letter says how one letter stands: "open 1", "retried 1".
func (b *bed) letter(t *testing.T, sequence uint64, readModel string) string {
	t.Helper()
	return value[string](t, b, `
select coalesce(closed_as, 'open') || ' ' || attempts
from clerkstream.dead_letters
where sequence = $1 and read_model = $2`, int64(sequence), readModel)
}

func mailed(id string, at time.Time, name, address string) []byte {
	return testkit.Body("user.updated", at, testkit.Data{"id": id, "first_name": name, "primary_email_address_id": "idn_1", "email_addresses": []any{
		map[string]any{"id": "idn_1", "email_address": address, "verification": map[string]any{"status": "verified"}},
	}})
}

func TestARetryChangesWhatItsDryRunSaid(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for i := range 30 {
		b.Publish(t, fmt.Sprintf("msg_a%d", i), mailed(fmt.Sprintf("user_%d", i), noon, "old", "old@example.com"))
	}
	for i := range 20 { // ten users change, ten are new; of each two states, which do not arrive in their order
		b.Publish(t, fmt.Sprintf("msg_c%d", i), mailed(fmt.Sprintf("user_%d", 20+i), noon.Add(2*time.Hour), "broken", "new@example.com"))
		b.Publish(t, fmt.Sprintf("msg_b%d", i), mailed(fmt.Sprintf("user_%d", 20+i), noon.Add(time.Hour), "broken", "less@example.com"))
	}
	b.Publish(t, "msg_d", testkit.Body("user.deleted", noon.Add(time.Hour), testkit.Data{"id": "user_29", "deleted": true, "slug": "broken"}))
	end := b.Publish(t, "msg_e", named("user_28", noon.Add(3*time.Hour), "newest"))
	c, fixed := b.fixableConfig()
	b.project(t, c, end)
	if open := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null`); open != 39 {
		t.Fatalf("%d letters are open", open) // those of user_28 are superseded
	}
	o := b.operator(t, c)
	class := RetryOptions{LetterFilter: LetterFilter{ReadModel: "users", Reason: "decode"}}
	dry := class
	dry.DryRun = true

	// Without the fix nothing changes but the letters.
	before := b.snapshot(t)
	if failed := o.mustRetry(t, class); len(failed.Changes) != 0 || len(failed.Failed()) != 39 || failed.Letters[0].Attempts != 2 {
		t.Errorf("without the fix %d rows changed and %d letters failed again", len(failed.Changes), len(failed.Failed()))
	}

	fixed.Store(true)
	said := o.mustRetry(t, dry)
	if rows := b.snapshot(t); len(minus(before, rows))+len(minus(rows, before)) > 0 {
		t.Fatal("the dry run changed rows")
	}
	if open := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null and attempts = 2`); open != 39 {
		t.Fatalf("the dry run left %d letters open", open)
	}
	did := o.mustRetry(t, class)
	after := b.snapshot(t)
	wantBefore, wantAfter := promised(t, said.Changes)
	if gone := minus(before, after); !slices.Equal(gone, minus(wantBefore, wantAfter)) {
		t.Errorf("these rows are gone:\n%s\nthe dry run said\n%s", strings.Join(gone, "\n"), strings.Join(minus(wantBefore, wantAfter), "\n"))
	}
	if came := minus(after, before); !slices.Equal(came, minus(wantAfter, wantBefore)) {
		t.Errorf("these rows are new:\n%s\nthe dry run said\n%s", strings.Join(came, "\n"), strings.Join(minus(wantAfter, wantBefore), "\n"))
	}
	if len(said.Changes) < 36 || asText(t, said.Changes) != asText(t, did.Changes) || said.counted() != did.counted() || len(did.Failed()) > 0 {
		t.Errorf("dry: %d entities, %s; then: %d entities, %s", len(said.Changes), said.counted(), len(did.Changes), did.counted())
	}
	if n := value[int](t, b, `select count(*) from clerk.users where first_name = 'broken' and primary_email = 'new@example.com'`); n != 18 {
		t.Errorf("%d users have what was broken", n) // not user_28, who is newer, and not user_29, who is deleted
	}
	if how := b.letter(t, 31, "users"); how != "retried 2" {
		t.Errorf("the letter of the newer state is %s", how)
	}
	if how := b.letter(t, 32, "users"); how != "superseded 2" {
		t.Errorf("the letter of the older state is %s", how)
	}
	if n := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null`); n != 0 {
		t.Errorf("%d letters are open", n)
	}
	if _, err := o.Retry(t.Context(), class); !errors.Is(err, ErrNoLetter) {
		t.Errorf("what is closed is retried: %v", err)
	}
}

func TestALetterOfNoReadModelIsRetriedInAllThatWantIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	end := b.fill(t, 2, "x")
	b.project(t, b.config(), end)
	b.exec(t, `delete from clerk_g1.users where id = 'user_0'`)
	for sequence := range 2 {
		b.exec(t, fmt.Sprintf(`
insert into clerkstream.dead_letters (service, generation, read_model, sequence, subject, event_id, event_type, entity_id, version, reason, detail)
values ('test', 1, '', %d, '', '', '', '', '', 'unreadable', 'the code of then')`, sequence+1))
	}
	done := b.operator(t, b.config()).mustRetry(t, RetryOptions{LetterFilter: LetterFilter{ReadModel: Everywhere}})
	if len(done.Changes) != 1 || done.Changes[0].Key != "user_0" || done.counted() != "2 retried" {
		t.Errorf("%s; %+v", done.counted(), done.Changes)
	}
	// What still cannot be read stays open, and says so.
	subject := events.Subject{Instance: b.Instance, Object: "user", EntityID: "user_3", Verb: "updated"}.String()
	unreadable := b.PublishMessage(t, &nats.Msg{Subject: subject, Data: []byte(`{}`)})
	b.project(t, b.config(), unreadable)
	done = b.operator(t, b.config()).mustRetry(t, RetryOptions{LetterFilter: LetterFilter{Sequence: unreadable}})
	if how := b.letter(t, unreadable, ""); how != "open 2" || len(done.Failed()) != 1 {
		t.Errorf("the letter is %s: %+v", how, done)
	}
}

func TestALetterWhoseMessageIsGoneStaysUntilSomebodySaysWhy(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", named("user_1", noon, "broken"))
	kept := b.Publish(t, "msg_2", named("user_2", noon, "broken"))
	c, fixed := b.fixableConfig()
	b.project(t, c, kept)
	fixed.Store(true)
	if err := b.Stream.SecureDeleteMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	o := b.operator(t, c)
	done := o.mustRetry(t, RetryOptions{LetterFilter: LetterFilter{Reason: "decode"}})
	if len(done.Gone) != 1 || done.Gone[0].Sequence != 1 || b.letter(t, 1, "users") != "open 1" || b.letter(t, 2, "users") != "retried 1" {
		t.Errorf("%s", done.counted())
	}

	for name, test := range map[string]struct {
		filter  LetterFilter
		because string
		want    error
	}{
		"without a reason":      {LetterFilter{Sequence: 1}, "  ", ErrNoReason},
		"all of them":           {LetterFilter{}, "tidy", ErrNotChosen},
		"one that is closed":    {LetterFilter{Sequence: 2}, "tidy", ErrNoLetter},
		"one that never was":    {LetterFilter{Sequence: 3}, "tidy", ErrNoLetter},
		"another class":         {LetterFilter{Reason: "refused"}, "tidy", ErrNoLetter},
		"of another generation": {LetterFilter{Sequence: 1, Generation: 7}, "tidy", ErrNotOurs},
	} {
		if n, err := o.Discard(t.Context(), test.filter, test.because); n != 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: %d discarded, %v", name, n, err)
		}
	}
	if n, err := o.Discard(t.Context(), LetterFilter{Reason: "decode"}, "erased on request"); n != 1 || err != nil {
		t.Errorf("%d discarded, %v", n, err)
	}
	if why := value[string](t, b, `select closed_as || ': ' || closed_reason from clerkstream.dead_letters where sequence = 1`); why != "discarded: erased on request" {
		t.Errorf("on record is %q", why)
	}
}

// The leading session asks for open letters only while it knows of some, so it has to learn of those that others open and close.
func TestALetterThatAReplayOpenedIsSupersededByTheProjectorThatRuns(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", named("user_1", noon, "broken"))
	c, fixed := b.fixableConfig()
	fixed.Store(true)
	_, _ = b.start(t, c)
	b.until(t, b.fill(t, 1, "x"))
	fixed.Store(false)
	b.exec(t, `delete from clerk_g1.users where id = 'user_1'`)
	if done := b.operator(t, c).mustReplay(t, ReplayOptions{From: 1}); done.DeadLetters != 1 || b.letter(t, 1, "users") != "open 1" {
		t.Fatalf("%+v", done)
	}
	b.until(t, b.Publish(t, "msg_2", named("user_1", noon.Add(time.Hour), "good")))
	if how := b.letter(t, 1, "users"); how != "superseded 1" {
		t.Errorf("the letter is %s", how)
	}
}

func TestAReplayClosesTheLetterOfAMessageThatPasses(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	end := b.Publish(t, "msg_1", named("user_1", noon, "broken"))
	c, fixed := b.fixableConfig()
	b.project(t, c, end)
	fixed.Store(true)
	done := b.operator(t, c).mustReplay(t, ReplayOptions{Entity: "user_1"})
	if how := b.letter(t, 1, "users"); how != "retried 1" || done.ClosedLetters != 1 || done.Applied != 1 {
		t.Errorf("the letter is %s: %+v", how, done)
	}
}
