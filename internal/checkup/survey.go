package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/clerkstream/clerkstream/internal/sentinel"
)

// State is an installation at a moment, without a judgement.
type State struct {
	Instance        string           `json:"instance"`
	At              time.Time        `json:"at"`
	Stream          *Stream          `json:"stream,omitempty"`
	Generations     []Generation     `json:"generations"`
	Letters         []Letters        `json:"dead_letters"`
	Reconciliations []Reconciliation `json:"reconciliations"`
	Watcher         *Watcher         `json:"watch,omitempty"`
	Outages         []Outage         `json:"outages"`
	// Unseen says what could not be looked at, and why.
	Unseen []string `json:"unseen,omitempty"`
	// Broken says that some of it was configured, and did not answer.
	Broken bool `json:"-"`
}

// Survey reads everything at once, each part within Config.Within.
func Survey(ctx context.Context, c Config) *State {
	s := newSite(ctx, c)
	defer s.close()
	s.open()
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	state := &State{Instance: s.Instance, At: s.Now().UTC()}
	var mu sync.Mutex
	var wg sync.WaitGroup
	read := func(what string, look func() error) {
		wg.Go(func() {
			if err := look(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				state.Unseen = append(state.Unseen, s.unseen(what, err))
				state.Broken = state.Broken || !errors.Is(err, errNotConfigured)
			}
		})
	}
	read("stream", func() (err error) { state.Stream, err = s.described(ctx); return })
	read("generations", func() (err error) { state.Generations, err = s.measured(ctx); return })
	read("dead letters", func() (err error) { state.Letters, err = s.openLetters(ctx); return })
	read("reconciliations", func() (err error) { state.Reconciliations, err = s.reconciliations(ctx); return })
	read("watch", func() (err error) {
		if state.Watcher, err = s.watcher(ctx); errors.Is(err, errNoWatcher) {
			return nil
		}
		return err
	})
	read("outages", func() (err error) { state.Outages, err = s.outages(ctx); return })
	wg.Wait()
	return state
}

func (s *site) unseen(what string, err error) string {
	var broker brokerError
	switch {
	case errors.Is(err, errNotConfigured):
		return what + ": not configured"
	case errors.As(err, &broker):
		return what + ": " + string(broker)
	}
	return what + ": " + s.unreadable(err).Seen
}

// measured are the generations with their distance to the stream; without a broker they come without it.
func (s *site) measured(ctx context.Context) ([]Generation, error) {
	all, err := s.generations(ctx)
	if err != nil {
		return nil, err
	}
	if stream, info, _, err := s.look(ctx); err == nil && info != nil {
		for i := range all {
			if err := s.measure(ctx, &all[i], stream, info); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// JSON writes the state for a program.
func (t *State) JSON(out io.Writer) error { return writeJSON(out, t) }

// Print writes the state for a person, on one screen.
func (t *State) Print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "instance %s, %s\n\n", t.Instance, clock(t.At))
	for _, part := range []func(io.Writer){t.printStream, t.printGenerations, t.printLetters, t.printReconciliations, t.printWatch, t.printSignals, t.printOutages, t.printUnseen} {
		// Each part has columns of its own behind a first one that all share.
		w := tabwriter.NewWriter(&b, len("compared")+2, 0, 2, ' ', 0)
		part(w)
		if err := w.Flush(); err != nil {
			return err
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n"))
	return err
}

func (t *State) printStream(w io.Writer) {
	if t.Stream == nil {
		return
	}
	s := t.Stream
	last := "empty"
	if !s.LastAt.IsZero() {
		last = "last " + span(t.At.Sub(s.LastAt)) + " ago"
	}
	fmt.Fprintf(w, "stream\t%s\t%s\t%s\tsequence %d\t%s\n", s.Name, counted(s.Messages, "message"), size(s.Bytes), s.LastSequence, last)
	fmt.Fprintf(w, "\t%d in %ss\tfsync %s\n", s.Replicas, strings.ToLower(s.Storage), s.Fsync)
}

func (t *State) printGenerations(w io.Writer) {
	for _, g := range t.Generations {
		led, behind := "led", "level"
		if !g.Led {
			led = "no projector"
		}
		switch {
		case !g.Measured:
			behind = "distance unknown"
		case g.Stranger:
			behind = "of another stream"
		case g.Behind > 0:
			behind = fmt.Sprintf("%d behind, %s", g.Behind, span(g.waiting()))
		}
		fmt.Fprintf(w, "service\t%s g%d %s\t%s\t%s\tat %d\tmoved %s ago\n", g.Service, g.Generation, g.State, led, behind, g.Checkpoint, span(t.At.Sub(g.MovedAt)))
	}
}

func (t *State) printLetters(w io.Writer) {
	if len(t.Letters) == 0 && t.Generations != nil {
		fmt.Fprintln(w, "letters\tnone open")
	}
	for _, l := range t.Letters {
		fmt.Fprintf(w, "letters\t%s %s\t%s\t%d open\tsince %s\n", l.From, l.Of, l.Reason, l.Open, span(t.At.Sub(l.Oldest)))
	}
}

func (t *State) printReconciliations(w io.Writer) {
	for i, r := range t.Reconciliations {
		// The last of its kind: they come by kind and time.
		if i+1 < len(t.Reconciliations) && t.Reconciliations[i+1].Kind == r.Kind {
			continue
		}
		found := fmt.Sprintf("%d changed, %d missing, %d extra, %d lag", r.Changed, r.Missing, r.Extra, r.Lagging)
		if r.Changed+r.Missing+r.Extra+r.Lagging == 0 {
			found = "all match"
		}
		if r.WrongTombstones > 0 {
			found += ", " + counted(r.WrongTombstones, "wrong tombstone")
		}
		if r.Published > 0 {
			found += fmt.Sprintf(", %d published", r.Published)
		}
		if !r.Complete {
			found += ", incomplete"
		}
		if r.Note != "" {
			found += "; " + r.Note
		}
		fmt.Fprintf(w, "compared\t%s\t%s\t%d of %d\t%s\t%s ago\n", r.Kind, r.Mode, r.Matching, r.Objects, found, span(t.At.Sub(r.FinishedAt)))
	}
}

func (t *State) printWatch(w io.Writer) {
	if t.Watcher == nil {
		return
	}
	doing := t.Watcher.Status.Doing
	if doing == "" {
		doing = "waiting"
	}
	b := t.Watcher.Status.Budget
	fmt.Fprintf(w, "watch\tbeat %s ago\t%s\t%d of %d requests in 10 s\n", span(t.At.Sub(t.Watcher.BeatAt)), doing, b.Used, b.Limit)
}

func (t *State) printSignals(w io.Writer) {
	if t.Watcher == nil || t.Watcher.Status.Sentinel == nil {
		return
	}
	status := t.Watcher.Status.Sentinel
	for _, x := range status.Signals {
		if x.State == sentinel.StateUnknown && x.Detail == "" {
			continue
		}
		fmt.Fprintf(w, "signal\t%s\t%s\t%s\n", x.Name, x.State, x.Detail)
	}
	for _, x := range status.SilentTypes {
		fmt.Fprintf(w, "silent\t%s\tlast %s\t%.0f expected since\n", x.Type, clock(x.Last), x.Expected)
	}
}

func (t *State) printOutages(w io.Writer) {
	for _, o := range t.Outages {
		end := "goes on"
		switch {
		case o.ReconciledAt != nil && o.Repaired != nil:
			end = fmt.Sprintf("made good, %d repaired", *o.Repaired)
		case o.ReconciledAt != nil:
			end = "made good"
		case o.EndedAt != nil:
			end = "over, not made good yet"
		}
		until := ""
		if o.EndedAt != nil {
			until = "to " + clock(*o.EndedAt)
		}
		fmt.Fprintf(w, "outage\t%s\t%s\t%s\t%s\n", clock(o.BeganAt), until, o.Cause, end)
	}
}

func (t *State) printUnseen(w io.Writer) {
	for _, u := range t.Unseen {
		fmt.Fprintf(w, "unseen\t%s\n", u)
	}
}

func size(bytes uint64) string {
	const kib = 1 << 10
	for _, unit := range []struct {
		of   uint64
		name string
	}{{kib * kib * kib, "GiB"}, {kib * kib, "MiB"}, {kib, "KiB"}} {
		if bytes >= unit.of {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(unit.of), unit.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}
