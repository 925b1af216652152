package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/e2e/golden"
)

// One story holds all samples, most of them about the same few people and things. So they come in waves: first what no read model wants, then
// of each entity its first state, its second … , then what becomes a dead letter, then the deletes. After each wave the rows must be those of
// testdata/rows.
func TestEverySampleIsAnsweredStoredAndShown(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	views, err := golden.ReadViews(t.Context(), p.conn, "clerk")
	if err != nil {
		t.Fatal(err)
	}
	story := readStory(t)
	var sequence uint64
	shown := map[string]golden.Rows{}
	for _, wave := range story.waves() {
		for _, s := range wave {
			sequence++
			p.take(t, s, sequence)
			if s.change {
				shown[s.event.EntityID] = s.rows
			}
		}
		p.settle(t, sequence)
		for _, s := range wave {
			if s.event.EntityID == "" {
				continue
			}
			differences, err := views.Differences(t.Context(), p.conn, s.event.EntityID, shown[s.event.EntityID])
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences {
				t.Errorf("%s: %s", s.name, d)
			}
		}
	}
	p.expectLetters(t, story)
}

// take delivers one sample and looks at what lies on the stream afterwards.
func (p *pipeline) take(t *testing.T, s sample, sequence uint64) {
	t.Helper()
	p.now.Store(&s.received)
	if status, answer := p.deliver(t, s.id(), s.body); status != 204 || len(answer) > 0 {
		t.Fatalf("%s was answered %d %s", s.name, status, answer)
	}
	p.expectStored(t, s, p.message(t, sequence))
}

// sample is one file of testdata/payloads and what must become of it.
type sample struct {
	name     string
	body     []byte
	rows     golden.Rows
	received time.Time
	// event tells which entity it is about, and its version the order in which it comes.
	event events.Event
	// change says that the rows are those of this sample afterwards.
	change bool
}

// id is made of letters, digits, underscores and dashes, as those of Svix are.
func (s *sample) id() string { return "msg_" + strings.ReplaceAll(s.name, ".", "_") }

type story []sample

var (
	// late is behind every clock of the samples, early the moment that their README names for those whose clock runs ahead.
	late  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	early = time.Date(2026, 9, 3, 10, 0, 0, 0, time.UTC)
)

func readStory(t *testing.T) (all story) {
	t.Helper()
	files, err := filepath.Glob(root + "testdata/payloads/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	withRows := map[string]bool{}
	for _, file := range files {
		s := sample{name: strings.TrimSuffix(filepath.Base(file), ".json"), received: late}
		if s.body, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if s.rows, err = golden.Read(root, s.name); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(s.name, "user.updated.clock-ahead") {
			s.received = early
		}
		s.event, _ = events.New(events.Intake{ID: s.id(), Instance: "prod", Source: events.SourceWebhook, Received: s.received}, s.body)
		s.change = len(s.rows) > 0 || s.deletes()
		withRows[s.name] = len(s.rows) > 0
		all = append(all, s)
	}
	names, err := golden.Samples(root)
	if err != nil || len(names) == 0 {
		t.Fatalf("no rows: %v", err)
	}
	for _, name := range names {
		if !withRows[name] {
			t.Errorf("there are rows of %s and no such sample", name)
		}
	}
	return all
}

func (s *sample) deletes() bool { return s.event.Verb == "deleted" && s.event.Unrouted == "" }

// buried are the samples that become a dead letter, and the reason.
var buried = map[string]string{
	"user.updated.clock-ahead":      "clock_ahead",
	"user.updated.clock-ahead-data": "clock_ahead",
	"user.updated.huge-clock":       "clock_ahead",
	"user.updated.wrong-types":      "decode",
}

func (all story) waves() [][]sample {
	var idle, dead, deletes []sample
	states := map[string][]sample{}
	longest := 0
	for _, s := range all {
		switch {
		case buried[s.name] != "":
			dead = append(dead, s)
		case s.deletes():
			deletes = append(deletes, s)
		case !s.change:
			idle = append(idle, s)
		default:
			states[s.event.EntityID] = append(states[s.event.EntityID], s)
			longest = max(longest, len(states[s.event.EntityID]))
		}
	}
	waves := [][]sample{idle}
	for _, of := range states {
		slices.SortFunc(of, func(a, b sample) int { return strings.Compare(string(a.event.Version), string(b.event.Version)) })
	}
	for n := range longest {
		var wave []sample
		for _, of := range states {
			if n < len(of) {
				wave = append(wave, of[n])
			}
		}
		waves = append(waves, wave)
	}
	return append(waves, dead, deletes)
}

func (p *pipeline) expectLetters(t *testing.T, all story) {
	t.Helper()
	rows, err := p.conn.Query(t.Context(), `select event_id, reason from clerkstream.dead_letters`)
	if err != nil {
		t.Fatal(err)
	}
	letters := map[string]string{}
	var id, reason string
	if _, err := pgx.ForEachRow(rows, []any{&id, &reason}, func() error { letters[id] = reason; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if letters[s.id()] != buried[s.name] {
			t.Errorf("%s became a dead letter for %q, want %q", s.name, letters[s.id()], buried[s.name])
		}
	}
}
