package projector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

func TestAUserWhoseMetadataPostgresCannotHoldCanStillBeBanned(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	for name, metadata := range map[string]string{
		"NUL":               `{"a":"x\u0000y"}`,
		"NUL in a name":     `{"\u0000":1}`,
		"lone surrogate":    `{"a":"\ud800"}`,
		"huge number":       `{"a":1e400000}`,
		"long number":       `{"a":` + strings.Repeat("9", 200_000) + `}`,
		"deep nesting":      `{"a":` + deep + `}`,
		"invalid UTF-8":     "{\"a\":\"\xff\xfe\"}",
		"repeated name":     `{"a":1,"a":2}`,
		"very long keyname": `{"` + strings.Repeat("k", 70_000) + `":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			body := `{"type":"user.updated","timestamp":1772366400000,"data":{"id":"user_1","updated_at":1772366400000,"banned":true,` +
				`"username":"` + strings.Repeat("long", 3000) + `","first_name":"a\u0000b","unsafe_metadata":` + metadata + `,"public_metadata":` + metadata + `}}`
			b.project(t, b.config(), b.Publish(t, "msg_1", []byte(body)))
			if !value[bool](t, b, `select banned from clerk.users where id = 'user_1'`) {
				t.Error("the ban did not land")
			}
			if n := value[int](t, b, `select count(*) from clerkstream.dead_letters`); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}

// picky is the users read model with tables that refuse some rows, as a projection with a fault would.
type picky struct{ projections.Projection }

func (p picky) Decode(e *events.Event) (projections.Row, error) {
	if strings.Contains(string(e.Body), "undecodable") {
		return projections.Row{}, errors.New("cannot decode")
	}
	if strings.Contains(string(e.Body), "panic") {
		panic("a value of the payload")
	}
	row, err := p.Projection.Decode(e)
	row.Value = strings.Contains(string(e.Body), "refused")
	return row, err
}

func (p picky) Write(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) (projections.Outcome, error) {
	for _, r := range rows {
		if r.Value == true {
			_, err := tx.Exec(ctx, `select '\u0000'::jsonb`)
			return projections.Outcome{}, err
		}
	}
	return p.Projection.Write(ctx, tx, tables, rows)
}

func (b *bed) pickyConfig() Config {
	c := b.config()
	c.Projections[0] = picky{c.Projections[0]}
	return c
}

func named(id string, at time.Time, name string) []byte {
	return testkit.Body("user.updated", at, testkit.Data{"id": id, "first_name": name})
}

func TestAPoisonMessageIsKeptAndBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	for _, poison := range []string{"undecodable", "panic", "refused"} {
		t.Run(poison, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			for i := range 50 {
				b.Publish(t, fmt.Sprintf("msg_a%d", i), named(fmt.Sprintf("user_%d", i), noon, "good"))
			}
			b.Publish(t, "msg_bad", named("user_7", noon.Add(time.Minute), poison))
			var end uint64
			for i := range 50 {
				end = b.Publish(t, fmt.Sprintf("msg_b%d", i), named(fmt.Sprintf("user_%d", 100+i), noon, "good"))
			}
			_, _ = b.start(t, b.pickyConfig())
			b.until(t, end)
			if n := value[int](t, b, `select count(*) from clerk.users where first_name = 'good'`); n != 100 {
				t.Errorf("%d of 100 good rows are there", n)
			}
			var reason, detail string
			var sequence uint64
			if err := b.conn.QueryRow(t.Context(), `select reason, detail, sequence from clerkstream.dead_letters where closed_at is null and read_model = 'users'`).
				Scan(&reason, &detail, &sequence); err != nil {
				t.Fatal(err)
			}
			if sequence != 51 || strings.Contains(detail, "payload") {
				t.Errorf("the letter is about message %d: %s %s", sequence, reason, detail)
			}

			b.until(t, b.Publish(t, "msg_heal", named("user_7", noon.Add(time.Hour), "healed")))
			if name := value[string](t, b, `select first_name from clerk.users where id = 'user_7'`); name != "healed" {
				t.Errorf("the next good event left %q", name)
			}
			if n := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null`); n != 0 {
				t.Errorf("%d letters are still open", n)
			}
			late := b.Publish(t, "msg_late", named("user_7", noon.Add(30*time.Minute), poison))
			b.until(t, late)
			if n := value[int](t, b, `select count(*) from clerkstream.dead_letters where closed_at is null`); n != 0 {
				t.Error("a letter that a newer row had overtaken is open")
			}
		})
	}
}

func TestThePoisonOfOneBatchGivesTheSameRowsAsThatOfMany(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1000} {
		b := newBed(t)
		b.Publish(t, "msg_1", named("user_1", noon, "first"))
		b.Publish(t, "msg_2", named("user_1", noon.Add(time.Minute), "second"))
		end := b.Publish(t, "msg_3", named("user_1", noon.Add(time.Hour), "refused"))
		c := b.pickyConfig()
		c.MaxBatch = size
		b.project(t, c, end)
		if name := value[string](t, b, `select first_name from clerk.users`); name != "second" {
			t.Errorf("in batches of %d the row is %q", size, name)
		}
	}
}

func TestAClockFarAheadIsADeadLetter(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", named("user_1", time.Now().Add(25*time.Hour), "future"))
	end := b.Publish(t, "msg_2", named("user_1", time.Now().Add(23*time.Hour), "soon"))
	b.project(t, b.config(), end)
	if name := value[string](t, b, `select first_name from clerk.users`); name != "soon" {
		t.Errorf("the row is %q", name)
	}
	if reason := value[string](t, b, `select reason from clerkstream.dead_letters`); reason != string(reasonClockAhead) {
		t.Errorf("the reason is %q", reason)
	}
}

func TestAMissingTableStopsTheProjectorInsteadOfFillingTheDeadLetters(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.Publish(t, "msg_1", named("user_1", noon, "a")))
	if _, err := b.conn.Exec(t.Context(), `drop table clerk_g1.users cascade`); err != nil {
		t.Fatal(err)
	}
	b.Publish(t, "msg_2", named("user_2", noon, "b"))
	if err := Run(t.Context(), b.config()); !errors.Is(err, ErrStructure) {
		t.Errorf("it ended with %v", err)
	}
	if n := value[int](t, b, `select count(*) from clerkstream.dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}
