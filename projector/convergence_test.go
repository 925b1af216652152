package projector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

// history is a generated past: every message that Clerk would have sent, and what is true at its end.
func history(seed uint64, users, changes int) (messages []clerksim.Message, truth verdict.Expected) {
	w := clerksim.NewWorld(clerksim.Config{Seed: seed, Users: users, Organizations: users / 5, Changes: changes})
	for m, ok := w.Next(); ok; m, ok = w.Next() {
		messages = append(messages, m)
	}
	end := w.Truth()
	return messages, verdict.Expected{Rows: rowsOf(end), Open: end.Ties}
}

func rowsOf(truth clerksim.Truth) map[string]map[string]verdict.Row {
	rows := map[string]map[string]verdict.Row{}
	for model, byKey := range truth.Rows {
		rows[model] = map[string]verdict.Row{}
		for key, row := range byKey {
			rows[model][key] = verdict.Row(row)
		}
	}
	return rows
}

// disorder is the messages in a random order, some of them twice or three times.
func disorder(messages []clerksim.Message, random *rand.Rand) []clerksim.Message {
	var all []clerksim.Message
	for _, m := range messages {
		for copies := 1 + random.IntN(8)/6; copies > 0; copies-- {
			all = append(all, m)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// append publishes the messages so that no duplicate window can help.
func (b *bed) append(t *testing.T, messages []clerksim.Message) (end uint64) {
	t.Helper()
	for i, m := range messages {
		e := b.Event(m.ID, m.Body)
		msg := testkit.Message(e)
		msg.Header.Set("Nats-Msg-Id", fmt.Sprintf("%d:%s", i, m.ID))
		end = b.PublishMessage(t, msg)
	}
	return end
}

func TestAnyOrderRepetitionAndBatchingGivesTheSameRowsAndTheyAreTheTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(convergenceSeeds) {
		messages, truth := history(seed, 40, 250)
		var states []string
		for variant := range uint64(convergenceVariants) {
			random := rand.New(rand.NewPCG(seed, variant))
			b := newBed(t)
			end := b.append(t, disorder(messages, random))
			c := b.config()
			c.MaxBatch = 1 + random.IntN(400)
			b.project(t, c, end)
			for _, d := range b.judge(t, truth) {
				t.Errorf("seed %d, variant %d, batches of %d: %s", seed, variant, c.MaxBatch, d)
			}
			states = append(states, b.state(t))
		}
		for i, s := range states {
			if s != states[0] {
				t.Errorf("seed %d: variants 0 and %d left different tables", seed, i)
			}
		}
	}
}

func TestWithoutTheVersionGateTheOrderOfArrivalShows(t *testing.T) {
	t.Parallel()
	messages, truth := history(1, 40, 250)
	b := newBed(t)
	end := b.append(t, disorder(messages, rand.New(rand.NewPCG(1, 0))))
	c := b.config()
	c.switches.arrivalOrder = true
	b.project(t, c, end)
	if len(b.judge(t, truth)) == 0 {
		t.Error("the rows are the truth although arrival decided: this test would not see a missing gate")
	}
}

func (b *bed) judge(t *testing.T, truth verdict.Expected) []verdict.Difference {
	t.Helper()
	found, rows, err := verdict.Compare(t.Context(), b.conn, "clerk", truth, 20)
	if err != nil {
		t.Fatal(err)
	}
	if rows["users"] == 0 || rows["organization_memberships"] == 0 {
		t.Fatal("there is nothing to compare")
	}
	return found
}

// state is the content of every table but for what only tells how a row was reached.
func (b *bed) state(t *testing.T) string {
	t.Helper()
	return b.stateOf(t, "clerk_g1")
}

func (b *bed) stateOf(t *testing.T, schema string) string {
	t.Helper()
	rows, err := b.conn.Query(t.Context(), `select tablename from pg_tables where schemaname = $1 order by 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	state := ""
	for _, name := range tables {
		state += name + " " + value[string](t, b, `
select coalesce(md5(string_agg(row, e'\n' order by row)), '')
from (select to_jsonb(t)::text as row from `+schema+`.`+name+` t) r`) + "\n"
	}
	return state
}
