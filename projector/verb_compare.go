package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/clerkstream/clerkstream/internal/progress"
)

type diffVerb struct {
	Generation int    `help:"Which one to compare. Default: the newest that this binary's projections made."`
	MaxChanged string `placeholder:"ROWS|SHARE" help:"Gate: rows that may differ, such as 100, or 1% of the live ones."`
	Expect     string `placeholder:"FILE" help:"Gate: a JSON list of {table, kind, columns} that may differ; everything else fails."`
	JSON       bool   `name:"json" help:"Write JSON."`
	ShowValues bool   `help:"Show the values of the samples. They are personal data."`
	Samples    int    `default:"3" help:"Rows to name of each group."`

	options DiffOptions
}

// Validate is called by kong: a gate that cannot be read must stop the verb before it looks at anything.
func (v *diffVerb) Validate() error {
	v.options = DiffOptions{Generation: v.Generation, Samples: v.Samples, ShowValues: v.ShowValues}
	if v.MaxChanged != "" {
		t, err := ParseTolerance(v.MaxChanged)
		if err != nil {
			return fmt.Errorf("--max-changed: %w", err)
		}
		v.options.MaxChanged = &t
	}
	if v.Expect == "" {
		return nil
	}
	file, err := os.Open(v.Expect)
	if err != nil {
		return fmt.Errorf("--expect: %w", err)
	}
	defer func() { _ = file.Close() }()
	if v.options.Expect, err = ReadExpectations(file); err != nil {
		return fmt.Errorf("--expect: %s: %w", v.Expect, err)
	}
	return nil
}

func (v *diffVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	d, err := o.Diff(ctx, v.options)
	if err != nil {
		return err
	}
	if v.JSON {
		err = writeJSON(out, d)
	} else {
		_, err = io.WriteString(out, d.text())
	}
	if err == nil && d.Gate != nil && !d.Gate.Passed {
		err = &RefusedError{"diff", d.Gate.Reasons}
	}
	return err
}

type verifyVerb struct {
	JSON       bool `name:"json" help:"Write JSON."`
	ShowValues bool `help:"Show the values of the rows that differ. They are personal data."`
	Samples    int  `default:"100" help:"Rows to name of each group of those that differ."`
}

func (v *verifyVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	bar := progress.New(os.Stderr, "verifying")
	found, err := o.Verify(ctx, VerifyOptions{
		Samples: v.Samples, ShowValues: v.ShowValues, Report: func(p Progress) { bar.At(int(p.Sequence), int(p.End)) },
	})
	bar.End()
	if err != nil {
		return err
	}
	if v.JSON {
		err = writeJSON(out, found)
	} else {
		_, err = io.WriteString(out, found.text())
	}
	if err != nil || found.Clean() {
		return err
	}
	var reasons []string
	for i := range found.Tables {
		t := &found.Tables[i]
		if t.Changes != nil {
			reasons = append(reasons, fmt.Sprintf("%s: %d rows are not what the stream says", t.Table, t.differing()))
		}
		if t.Apart != nil {
			reasons = append(reasons, t.Table+" has not the columns that its projection makes")
		}
	}
	return &RefusedError{"verify", reasons}
}

// writeJSON is how every verb writes JSON.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	// Nothing here goes into a web page, and < is no secret.
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

func (d *Difference) text() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "generation %d against the live one, %d, both at message %d: %d rows differ\n", d.Generation, d.Live, d.Sequence, d.Differing)
	writeChanges(&b, d.Tables, map[ChangeKind]string{ChangeAdded: "added", ChangeRemoved: "removed"})
	writeApart(&b, d.Tables, fmt.Sprintf("generation %d", d.Generation))
	switch {
	case d.Gate == nil:
	case d.Gate.Passed:
		b.WriteString("the gate is passed\n")
	default:
		b.WriteString("the gate is not passed\n")
	}
	return b.String()
}

func (v *Verified) text() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "generation %d against a fresh fold of the stream, both up to message %d: %d rows differ\n", v.Generation, v.Sequence, v.Differing)
	columns := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(columns, "TABLE\tROWS\tHASH\tROWS OF FOLD\tHASH OF FOLD")
	for _, t := range v.Tables {
		_, _ = fmt.Fprintf(columns, "%s\t%d\t%s\t%d\t%s\n", t.Table, t.Live.Rows, t.Live.Hash, t.Other.Rows, t.Other.Hash)
	}
	_ = columns.Flush()
	writeChanges(&b, v.Tables, map[ChangeKind]string{ChangeAdded: "missing", ChangeRemoved: "that the stream knows nothing of"})
	writeApart(&b, v.Tables, "the fold")
	return b.String()
}

// writeChanges writes a line for each group and under it its samples.
func writeChanges(b *strings.Builder, tables []TableComparison, words map[ChangeKind]string) {
	for _, t := range tables {
		for _, c := range t.Changes {
			rows := "rows"
			if c.Rows == 1 {
				rows = "row"
			}
			how, ok := words[c.Kind]
			if !ok {
				how = strings.TrimSpace(string(c.Kind) + " " + inColumns(c.Columns))
			}
			_, _ = fmt.Fprintf(b, "%s: %d %s %s\n", t.Table, c.Rows, rows, how)
			for _, s := range c.Samples {
				_, _ = fmt.Fprintf(b, "  %s\n", s.text(c.Kind))
			}
			if more := c.Rows - int64(len(c.Samples)); more > 0 {
				_, _ = fmt.Fprintf(b, "  … and %d more\n", more)
			}
		}
	}
}

func writeApart(b *strings.Builder, tables []TableComparison, other string) {
	for _, t := range tables {
		for _, a := range t.Apart {
			_, _ = fmt.Fprintf(b, "%s: not compared: %s\n", t.Table, a.text(other))
		}
	}
}

// text names the row and, of a changed one, what became of its columns.
func (s *Sample) text(kind ChangeKind) string {
	key := make([]string, len(s.Key))
	for i, k := range s.Key {
		key[i] = k.text()
	}
	line := strings.Join(key, " ")
	if kind != ChangeChanged {
		return line
	}
	for i := range s.Before {
		line += fmt.Sprintf("  %s: %s → %s", s.Before[i].Column, s.Before[i].text(), s.After[i].text())
	}
	return line
}

// text quotes nothing that a terminal could take for a command.
func (v *Value) text() string {
	if v.Text == nil {
		return "NULL"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, *v.Text)
}

func (a *Apart) text(other string) string {
	switch a.Kind {
	case ChangeTableAdded:
		return "only " + other + " has the table"
	case ChangeTableRemoved:
		return "only the live one has the table"
	case ChangeColumnAdded:
		return "only " + other + " has column " + a.Column + " " + a.Other
	case ChangeColumnRemoved:
		return "only the live one has column " + a.Column + " " + a.Live
	}
	return "column " + a.Column + " is " + a.Live + " in the live one, " + a.Other + " in " + other
}
