package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/clerkstream/clerkstream/internal/reconcile"
)

// printSummary shows what a backfill walked.
func printSummary(out io.Writer, s *reconcile.Summary) {
	if len(s.Kinds) == 0 {
		return
	}
	if s.Resumed {
		fmt.Fprintln(out, "An earlier backfill was taken up again; the figures are those of both.")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\tlisted\tread\tpublished\tletters\t")
	for _, k := range s.Kinds {
		listed := "?"
		if k.Total >= 0 {
			listed = strconv.FormatInt(k.Total, 10)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t\n", k.Kind, listed, k.Objects, k.Published, k.Malformed)
	}
	_ = table.Flush()
}

// printResult shows how Clerk and the read model compare.
func printResult(out io.Writer, r *reconcile.Result, dryRun bool) {
	if len(r.Kinds) == 0 {
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\tread\tmatch\tlag\tchanged\tmissing\textra\twrong\tletters\tpublished\trequests\t")
	for i := range r.Kinds {
		k := &r.Kinds[i]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			k.Kind, k.Objects, k.Match, k.Lag, k.Changed, k.Missing, k.Extra, k.WrongTombstone, k.Malformed, k.Published, k.Requests)
	}
	_ = table.Flush()
	for i := range r.Kinds {
		k := &r.Kinds[i]
		switch {
		case !k.Complete:
			fmt.Fprintf(out, "%s: not everything was seen: %s\n", k.Kind, orUnknown(k.Note))
		case k.Note != "":
			fmt.Fprintf(out, "%s: %s\n", k.Kind, k.Note)
		}
		for _, id := range k.WrongTombstones {
			fmt.Fprintf(out, "%s %s is deleted here and alive at Clerk: clerkstream reconcile --restore %s --reason …\n", k.Kind, id, id)
		}
	}
	switch {
	case r.Clean():
		fmt.Fprintln(out, "Clerk and the read model agree.")
	case dryRun:
		fmt.Fprintln(out, "Nothing was published: --dry-run.")
	}
}

func orUnknown(note string) string {
	if note == "" {
		return "see the log"
	}
	return note
}
