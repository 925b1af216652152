package demo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/verdict"
	"github.com/clerkstream/clerkstream/projector"
)

// tally adds up what the projector's commits did. The projector writes it, the report reads it.
type tally struct {
	mu      sync.Mutex
	total   projector.Commit
	commits int
	lags    []time.Duration
}

func (t *tally) observe(c projector.Commit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commits++
	t.total.Messages += c.Messages
	t.total.Applied += c.Applied
	t.total.Duplicates += c.Duplicates
	t.total.Stale += c.Stale
	t.total.DeadLetters += c.DeadLetters
	for _, received := range c.Received {
		t.lags = append(t.lags, c.At.Sub(received))
	}
}

// sum is the tally's end: totals and sorted lags.
func (t *tally) sum() *tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	lags := slices.Clone(t.lags)
	slices.Sort(lags)
	return &tally{total: t.total, commits: t.commits, lags: lags}
}

func (t *tally) lag(quantile float64) time.Duration {
	if len(t.lags) == 0 {
		return 0
	}
	return t.lags[int(quantile*float64(len(t.lags)-1))]
}

// report is what a demonstration shows in the end.
type report struct {
	*tally
	sent        clerksim.SendReport
	took        time.Duration
	windowed    int
	events      uint64
	rows        map[string]int
	differences []verdict.Difference
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any, note string) { _, _ = fmt.Fprintf(w, "%s\t%v\t%s\n", name, value, note) }
	line("messages", r.sent.Messages, "what Clerk had to say")
	line("deliveries", r.sent.Deliveries, "attempts that reached ingest")
	line("retries", r.sent.Retries, "after an attempt that did not arrive, or during the outage")
	line("duplicates stopped by the window", r.windowed, "JetStream knew the id")
	line("duplicates stopped by the gate", r.total.Duplicates, "after the window: the row was there in this version")
	line("stale events stopped by the gate", r.total.Stale, "the row was there in a newer version")
	line("dead letters", r.total.DeadLetters, "")
	line("events in the stream", r.events, "")
	line("transactions", r.commits, "")
	line("lag p50", r.lag(0.50).Round(10*time.Microsecond), "from receipt to the commit of the row")
	line("lag p99", r.lag(0.99).Round(10*time.Microsecond), "")
	line("took", r.took.Round(time.Millisecond), "")
	line("", "", "")
	for _, model := range slices.Sorted(maps.Keys(r.rows)) {
		line("rows of "+model, r.rows[model], "")
	}
	_ = w.Flush()
	for _, d := range r.differences {
		_, _ = fmt.Fprintln(out, "differs:", d)
	}
	if err := r.verdict(); err != nil {
		_, _ = fmt.Fprintln(out, "\nverdict:", err)
		return
	}
	_, _ = fmt.Fprintln(out, "\nverdict: every row is what the simulator knows to be true")
}

// verdict is nil when the rows are the truth and every guard had something to do: a demonstration in which nothing went wrong shows nothing.
func (r *report) verdict() error {
	if n := len(r.differences); n > 0 {
		return fmt.Errorf("%w: at least %d rows or columns are not the truth", ErrVerdict, n)
	}
	for name, n := range map[string]int{
		"deliveries": r.sent.Deliveries, "retries": r.sent.Retries, "duplicates stopped by the window": r.windowed,
		"duplicates stopped by the gate": r.total.Duplicates, "stale events stopped by the gate": r.total.Stale,
		"events in the stream": int(r.events), "lags": len(r.lags), "users": r.rows["users"], "memberships": r.rows["organization_memberships"],
	} {
		if n == 0 {
			return fmt.Errorf("%w: there were no %s", ErrVerdict, name)
		}
	}
	if r.sent.GivenUp+r.total.DeadLetters > 0 {
		return fmt.Errorf("%w: %d messages were given up and %d became dead letters", ErrVerdict, r.sent.GivenUp, r.total.DeadLetters)
	}
	return nil
}

// windowDuplicates reads from ingest's own metrics how many deliveries JetStream recognised.
func windowDuplicates(registry *prometheus.Registry) (n int, err error) {
	families, err := registry.Gather()
	if err != nil {
		return 0, fmt.Errorf("gather metrics: %w", err)
	}
	for _, f := range families {
		if f.GetName() != "clerkstream_ingest_deliveries_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" && l.GetValue() == "duplicate" {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n, nil
}
