package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// asofVerb shows values: a person who names one entity asks for what is known of it.
type asofVerb struct {
	Entity string `arg:"" help:"Clerk's id: user_…, org_…"`
	At     string `help:"An RFC 3339 time: what Clerk had then. Or a stream sequence: what this log knew then. Default: now."`
	Diff   string `help:"Another moment: list what changed from --at to this one."`
	JSON   bool   `name:"json" help:"JSON for machines."`
}

func (v *asofVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	at, err := v.history(ctx, o, v.At)
	if err != nil {
		return err
	}
	if v.Diff == "" {
		if v.JSON {
			return writeJSON(out, at)
		}
		return at.print(out)
	}
	other, err := v.history(ctx, o, v.Diff)
	if err != nil {
		return err
	}
	changes := at.Changes(other)
	if v.JSON {
		return writeJSON(out, struct {
			Entity  string       `json:"entity"`
			From    Point        `json:"from"`
			To      Point        `json:"to"`
			Changes []PastChange `json:"changes"`
		}{v.Entity, at.At, other.At, changes})
	}
	return printChanges(out, at, other, changes)
}

func (v *asofVerb) history(ctx context.Context, o *Operator, point string) (History, error) {
	at, err := ParsePoint(point)
	if err != nil {
		return History{}, err
	}
	return o.AsOf(ctx, AsOfOptions{Entity: v.Entity, At: at})
}

func (h *History) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	say("%s at %s\n", h.Entity, h.At)
	for _, s := range h.ReadModels {
		say("\n%s: %s%s\n", s.ReadModel, s.Presence, byMessage(s.SetBy))
		for _, c := range s.Columns {
			say("  %s\tset by %d\t%s\n", c.Column, c.SetBy, shown(c))
		}
		for _, entry := range s.Entries {
			for _, c := range entry {
				say("  %s\t%s\t\n", c.Column, shown(c))
			}
			say("  \t\t\n")
		}
	}
	say("\nevents, oldest state first\n  MESSAGE\tTYPE\tID\tSOURCE TIME\tRECEIVED\t\n")
	for _, e := range h.Events {
		note := "overtaken"
		if len(e.Won) > 0 {
			note = "made " + strings.Join(e.Won, ", ")
		}
		if len(e.Aside) > 0 {
			note = strings.Join(slices.Concat(e.Aside, e.Won), ", ")
		}
		say("  %d\t%s\t%s\t%s\t%s\t%s\n", e.Sequence, e.Type, e.ID, clockTime(e.Source), clockTime(e.Received), note)
	}
	return w.Flush()
}

func byMessage(sequence uint64) string {
	if sequence == 0 {
		return ""
	}
	return fmt.Sprintf(", by message %d", sequence)
}

func shown(c PastColumn) string {
	if c.Value.Null {
		return "-"
	}
	return c.Value.Text
}

func clockTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func printChanges(out io.Writer, from, to History, changes []PastChange) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s from %s to %s: %d changes\n", from.Entity, from.At, to.At, len(changes))
	for _, c := range changes {
		_, _ = fmt.Fprintf(w, "  %s.%s\t%s%s\t→ %s%s\n", c.ReadModel, c.Column, shown(c.From), byMessage(c.From.SetBy), shown(c.To), byMessage(c.To.SetBy))
	}
	return w.Flush()
}

// MarshalJSON writes the point as ParsePoint reads it; now is null.
func (p Point) MarshalJSON() ([]byte, error) {
	switch {
	case !p.Source.IsZero():
		return json.Marshal(p.Source.UTC())
	case p.Sequence > 0:
		return json.Marshal(p.Sequence)
	}
	return []byte("null"), nil
}
