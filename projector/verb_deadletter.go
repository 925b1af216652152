package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

type letterVerbs struct {
	List    letterListVerb    `cmd:"" help:"Count dead letters by reason and list them."`
	Show    letterShowVerb    `cmd:"" help:"Show one letter and its message's headers."`
	Retry   letterRetryVerb   `cmd:"" help:"Apply the messages again with today's code."`
	Discard letterDiscardVerb `cmd:"" help:"Give letters up, and keep why."`
}

// letterChoice is how a person names letters.
type letterChoice struct {
	Reason     string `help:"A class of failures: decode, clock_ahead, unreadable, refused, or refused_ with the SQLSTATE."`
	ReadModel  string `help:"A read model, or * for messages that no read model could have."`
	Generation int    `help:"Which one's letters. Default: the live one's."`
}

func (c letterChoice) filter(sequence uint64) LetterFilter {
	return LetterFilter{Generation: c.Generation, ReadModel: c.ReadModel, Reason: c.Reason, Sequence: sequence}
}

type letterListVerb struct {
	letterChoice
	All   bool `help:"Closed letters too."`
	Limit int  `default:"100" help:"Letters to list at most; 0 lists all."`
	JSON  bool `name:"json" help:"JSON for machines."`
}

func (v *letterListVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	filter := v.filter(0)
	filter.All, filter.Limit = v.All, v.Limit
	groups, letters, err := o.DeadLetters(ctx, filter)
	if err != nil {
		return err
	}
	if v.JSON {
		return writeJSON(out, struct {
			Groups  []LetterGroup `json:"groups"`
			Letters []DeadLetter  `json:"letters"`
		}{groups, letters})
	}
	if len(groups) == 0 {
		_, err := fmt.Fprintln(out, "no dead letters")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "READ MODEL\tREASON\tOPEN\tCLOSED\tOLDEST\tNEWEST")
	total := 0
	for _, g := range groups {
		total += g.Open + g.Closed
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", orEverywhere(g.ReadModel), g.Reason, g.Open, g.Closed, clockTime(g.Oldest), clockTime(g.Newest))
	}
	_, _ = fmt.Fprintln(w, "\nMESSAGE\tREAD MODEL\tTYPE\tENTITY\tREASON\tATTEMPTS\tLAST FAILED\tSTATE\tDETAIL")
	for _, l := range letters {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n",
			l.Sequence, orEverywhere(l.ReadModel), l.EventType, l.EntityID, l.Reason, l.Attempts, clockTime(l.LastFailedAt), l.state(), l.Detail)
	}
	if total > len(letters) {
		_, _ = fmt.Fprintf(w, "and %d more: --limit 0 lists all\n", total-len(letters))
	}
	return w.Flush()
}

func orEverywhere(readModel string) string {
	if readModel == "" {
		return Everywhere
	}
	return readModel
}

func (l *DeadLetter) state() string {
	if l.ClosedReason != "" {
		return l.ClosedAs + ": " + l.ClosedReason
	}
	return strings.Replace(orOpen(l.ClosedAs), "still ", "", 1)
}

type letterShowVerb struct {
	Sequence  uint64 `arg:"" help:"Stream sequence of the message."`
	ReadModel string `help:"Which letter, when the message has several; * for messages that no read model could have."`
	Body      bool   `name:"show-body" help:"Show the body too. It is personal data."`
	// Generation is as in letterChoice, which this verb has no use for the rest of.
	Generation int `help:"Which one's letter. Default: the live one's."`
}

func (v *letterShowVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	_, letters, err := o.DeadLetters(ctx, LetterFilter{Generation: v.Generation, ReadModel: v.ReadModel, Sequence: v.Sequence, All: true})
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		return fmt.Errorf("message %d: %w", v.Sequence, ErrNoLetter)
	}
	for _, l := range letters {
		if err := writeJSON(out, l); err != nil {
			return err
		}
	}
	m, err := o.LetterMessage(ctx, letters[0])
	if errors.Is(err, ErrGone) {
		_, err = fmt.Fprintln(out, err)
		return err
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		_, _ = fmt.Fprintf(out, "%s: %s\n", name, strings.Join(m.Headers[name], ", "))
	}
	if v.Body {
		_, err = fmt.Fprintf(out, "\n%s\n", m.Body)
	}
	return err
}

type letterRetryVerb struct {
	Sequence uint64 `arg:"" optional:"" help:"Stream sequence of one message. Default: every letter of the reason or read model."`
	letterChoice
	DryRun     bool `help:"Show the rows that would change, and change none."`
	ShowValues bool `help:"Show values instead of masking them. They are personal data."`
	JSON       bool `name:"json" help:"JSON for machines."`
}

// errStillOpen is how a retry ends that left letters open.
var errStillOpen = errors.New("letters stay open")

func (v *letterRetryVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	done, err := o.Retry(ctx, RetryOptions{LetterFilter: v.filter(v.Sequence), DryRun: v.DryRun})
	if err != nil {
		return err
	}
	if !v.ShowValues {
		for i, c := range done.Changes {
			done.Changes[i] = c.Masked()
		}
	}
	if v.JSON {
		err = writeJSON(out, done)
	} else {
		err = done.print(out, v.DryRun)
	}
	if left := len(done.Failed()) + len(done.Gone); err == nil && left > 0 {
		err = fmt.Errorf("%d %w", left, errStillOpen)
	}
	return err
}

func (r *Retried) print(out io.Writer, dry bool) error {
	for _, c := range r.Changes {
		_, _ = fmt.Fprintf(out, "%s %s\n", c.Table, c.Key)
		for _, side := range []struct {
			sign string
			rows []map[string]json.RawMessage
		}{{"-", c.Before}, {"+", c.After}} {
			for _, row := range side.rows {
				text, err := json.Marshal(row)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(out, "  %s %s\n", side.sign, text)
			}
		}
	}
	for _, l := range r.Failed() {
		_, _ = fmt.Fprintf(out, "message %d of %s failed again, attempt %d: %s: %s\n", l.Sequence, orEverywhere(l.ReadModel), l.Attempts, l.Reason, l.Detail)
	}
	for _, l := range r.Gone {
		_, _ = fmt.Fprintf(out, "message %d of %s: %v; discard the letter\n", l.Sequence, orEverywhere(l.ReadModel), ErrGone)
	}
	what := "letters: "
	if dry {
		what = "letters, if this were no dry run: "
	}
	_, err := fmt.Fprintf(out, "%s%s; %d entities' rows changed\n", what, r.counted(), len(r.Changes))
	return err
}

type letterDiscardVerb struct {
	Sequence uint64 `arg:"" optional:"" help:"Stream sequence of one message. Default: every letter of the reason or read model."`
	letterChoice
	Because string `help:"Why; it is kept with the letters."`
}

func (v *letterDiscardVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	n, err := o.Discard(ctx, v.filter(v.Sequence), v.Because)
	if errors.Is(err, ErrNoReason) {
		return fmt.Errorf("%w: --because", err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d letters are discarded\n", n)
	return err
}
