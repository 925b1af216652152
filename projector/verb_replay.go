package projector

import (
	"context"
	"fmt"
	"io"
	"time"
)

type replayVerb struct {
	From       uint64 `help:"First stream sequence of the range."`
	To         uint64 `help:"Last stream sequence of the range. Default, and at most: where the generation is."`
	Entity     string `help:"Clerk's id of one entity whose messages are replayed, in place of a range."`
	Generation int    `help:"Which one they go to. Default: the live one."`
	DryRun     bool   `help:"Roll everything back and say what it would do."`
}

func (v *replayVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	done, err := o.Replay(ctx, ReplayOptions{From: v.From, To: v.To, Entity: v.Entity, Generation: v.Generation, DryRun: v.DryRun})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("messages %d to %d", done.From, done.To)
	if v.Entity != "" {
		what = v.Entity
	}
	did := "replayed"
	if v.DryRun {
		did = "would replay"
	}
	_, err = fmt.Fprintf(out, `%s %s into generation %d: %d messages, %d of them wanted by no read model
%d rows changed, %d were there already, %d in a newer version; %d dead letters, %d letters closed
%d transactions, the longest held the projector for %s
`, did, what, done.Generation, done.Messages, done.Skipped, done.Applied, done.Duplicates, done.Stale, done.DeadLetters, done.ClosedLetters,
		done.Transactions, done.Longest.Round(time.Millisecond))
	return err
}
