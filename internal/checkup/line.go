package checkup

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Level says what a line means for whoever reads it.
type Level string

// Levels, from nothing to do to something to do now.
const (
	OK      Level = "ok"
	Skipped Level = "skipped" // nobody told what it takes to look, or what it needs is itself in trouble
	Warning Level = "warning" // it works, and something is worse than it should be
	Failure Level = "failure" // something does not work, or soon will not
)

// Line is what one check says.
type Line struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Seen is what is the case.
	Seen string `json:"seen"`
	// Next is what to do; empty when there is nothing to do.
	Next string `json:"next,omitempty"`
}

func fine(format string, args ...any) Line {
	return Line{Level: OK, Seen: fmt.Sprintf(format, args...)}
}

func skipped(next, format string, args ...any) Line {
	return Line{Level: Skipped, Seen: fmt.Sprintf(format, args...), Next: next}
}

func warning(next, format string, args ...any) Line {
	return Line{Level: Warning, Seen: fmt.Sprintf(format, args...), Next: next}
}

func failure(next, format string, args ...any) Line {
	return Line{Level: Failure, Seen: fmt.Sprintf(format, args...), Next: next}
}

// Report is what Examine says.
type Report struct {
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	// Verdict is failure if a line is one, else warning if one is, else ok.
	Verdict Level  `json:"verdict"`
	Lines   []Line `json:"lines"`
}

// count is how many lines are of the level.
func (r *Report) count(l Level) (n int) {
	for _, line := range r.Lines {
		if line.Level == l {
			n++
		}
	}
	return n
}

func (r *Report) judge() {
	r.Verdict = OK
	for _, l := range []Level{Failure, Warning} {
		if r.count(l) > 0 {
			r.Verdict = l
			return
		}
	}
}

// Print writes the report for a person: one line for each check, its next step below it, and the sum.
func (r *Report) Print(out io.Writer) error {
	width := 0
	for _, l := range r.Lines {
		width = max(width, utf8.RuneCountInString(l.Check))
	}
	var b strings.Builder
	for _, l := range r.Lines {
		fmt.Fprintf(&b, "%-7s  %-*s  %s\n", l.Level, width, l.Check, l.Seen)
		if l.Next != "" {
			fmt.Fprintf(&b, "%*s→ %s\n", 7+2+width+2, "", l.Next)
		}
	}
	fmt.Fprintf(&b, "\ninstance %s: %d ok, %s, %s, %d skipped\n", r.Instance, r.count(OK), counted(r.count(Warning), "warning"), counted(r.count(Failure), "failure"), r.count(Skipped))
	_, err := io.WriteString(out, b.String())
	return err
}

// JSON writes the report for a program.
func (r *Report) JSON(out io.Writer) error { return writeJSON(out, r) }

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// counted is "1 warning", "2 warnings".
func counted[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// span is a duration as a person says it: two figures are enough to decide by.
func span(d time.Duration) string {
	switch d = d.Abs(); {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
