package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/progress"
	"github.com/clerkstream/clerkstream/internal/reconcile"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/watch"
)

type backfillVerb struct {
	backendFlags `embed:"" set:"log_level=warn"`
	Kinds        []string `help:"Read models to fill, separated by commas. Default: all."`
	Restart      bool     `help:"Begin anew instead of where the last one was ended."`
}

// Help is what --help adds.
func (*backfillVerb) Help() string {
	return `Reads everything that Clerk lists and publishes what the read model does not have, as ordinary events: users who signed up before the webhook was there. It may
be ended at any moment, and goes on from there when it is run again. Webhooks that come meanwhile win where they are newer. Beside the time that Clerk's budget
takes it costs nothing to run it twice: what is equal is not published. clerkstream watch does the same at its first start.
Where Clerk or the broker is away it waits.
` + backendHelp + `

Exit status: 0 when everything was walked, 1 when not, 2 when a setting is wrong.`
}

func (v *backfillVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	c := v.config(&problems, ops.FormatText)
	c.Validate(&problems)
	addKinds(&problems, v.Kinds)
	if err := problems.Err(); err != nil {
		return err
	}
	return watch.Once(ctx, c, "backfill", func(ctx context.Context, w *watch.Work) error {
		shown := newWalkBars(w.Budget)
		summary, err := w.Reconciler.Backfill(ctx, reconcile.BackfillOptions{Kinds: v.Kinds, Restart: v.Restart, Report: shown.at})
		shown.end()
		printSummary(os.Stdout, &summary)
		if err != nil {
			return fmt.Errorf("%w\nRun it again to go on from here", err)
		}
		return nil
	})
}

// addKinds finds fault with names that are none.
func addKinds(p *settings.Problems, names []string) {
	known := reconcile.Kinds()
	for _, name := range names {
		if !slices.Contains(known, name) {
			p.Add("--kinds", "%q is none of %v", name, known)
		}
	}
}

// walkBars shows one bar after the other, a kind each.
type walkBars struct {
	budget *clerkapi.Budget
	kind   string
	bar    *progress.Bar
}

func newWalkBars(b *clerkapi.Budget) *walkBars { return &walkBars{budget: b} }

// at is called by one goroutine at a time.
func (b *walkBars) at(p reconcile.Progress) {
	if b.bar == nil || b.kind != p.Kind {
		b.end()
		b.kind, b.bar = p.Kind, progress.New(os.Stderr, fmt.Sprintf("%d/%d %s", p.Place, p.Kinds, p.Kind))
	}
	used, limit := b.budget.Stats()
	b.bar.Note(fmt.Sprintf("%d published, %d of %d requests per 10 s", p.Published, used, limit))
	b.bar.At(int(p.Objects), int(max(p.Total, p.Objects)))
}

func (b *walkBars) end() {
	if b.bar != nil {
		b.bar.End()
	}
}
