package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/reconcile"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/watch"
)

type reconcileVerb struct {
	backendFlags `embed:"" set:"log_level=warn"`
	Kinds        []string `help:"Read models to compare, separated by commas. Default: all."`
	DryRun       bool     `help:"Publish nothing, only say what differs."`
	Recent       bool     `help:"Only users, and of them those that changed since the last time: a few requests. What was deleted is not seen."`
	Restore      string   `placeholder:"ID" help:"Lift the tombstone of an object that Clerk still has. Needs --reason, and both are recorded."`
	Reason       string   `placeholder:"TEXT" help:"Why the tombstone is wrong."`
}

// Help is what --help adds.
func (*reconcileVerb) Help() string {
	return `Compares what Clerk lists with the read model, and publishes what differs as ordinary events. In the table

  match     is equal
  lag       may be on its way, or is what Clerk changes without
            telling: last_active_at, an organization's counts
  changed   differs
  missing   has no row
  extra     is a row that Clerk has no more, confirmed by a 404;
            a walk that saw not everything finds none
  wrong     is deleted here and alive at Clerk: --restore lifts it
  letters   had not the shape of its kind; clerkstream.walk_letters

clerkstream watch does this every few minutes for users and every night for everything. Where Clerk or the broker is away it waits.
` + backendHelp + `

Exit status: 0 when it came to its end, whatever it found, 1 when not, 2 when a setting is wrong.`
}

func (v *reconcileVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	c := v.config(&problems, ops.FormatText)
	c.Validate(&problems)
	v.examine(&problems)
	if err := problems.Err(); err != nil {
		return err
	}
	return watch.Once(ctx, c, "reconcile", func(ctx context.Context, w *watch.Work) error {
		if v.Restore != "" {
			return v.restore(ctx, w)
		}
		shown := newWalkBars(w.Budget)
		result, err := w.Reconciler.Reconcile(ctx, reconcile.Options{Kinds: v.Kinds, DryRun: v.DryRun, Recent: v.Recent, Report: shown.at})
		shown.end()
		printResult(os.Stdout, &result, v.DryRun)
		return err
	})
}

func (v *reconcileVerb) examine(p *settings.Problems) {
	addKinds(p, v.Kinds)
	switch {
	case v.Restore == "" && v.Reason != "":
		p.Add("--reason", "is for --restore")
	case v.Restore != "" && strings.TrimSpace(v.Reason) == "":
		p.Add("--reason", "is missing: a tombstone is lifted by a person who says why")
	case v.Restore != "" && (v.DryRun || v.Recent || len(v.Kinds) > 0):
		p.Add("--restore", "goes alone: without --dry-run, --recent and --kinds")
	}
}

func (v *reconcileVerb) restore(ctx context.Context, w *watch.Work) error {
	restored, err := w.Reconciler.Restore(ctx, v.Restore, v.Reason)
	switch {
	case errors.Is(err, clerkapi.ErrNotFound):
		return fmt.Errorf("clerk has no %s either: the tombstone is right: %w", v.Restore, err)
	case err != nil:
		return err
	}
	fmt.Fprintf(os.Stdout, "%s %s is alive again from message %d on, epoch %d\n", restored.Kind, restored.ID, restored.Sequence, restored.Epoch)
	return nil
}
