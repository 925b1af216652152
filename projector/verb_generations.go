package projector

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clerkstream/clerkstream/internal/progress"
)

type rebuildVerb struct{}

func (v *rebuildVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	bar := progress.New(os.Stderr, "rebuilding")
	began := time.Now()
	built, err := o.Rebuild(ctx, func(p Progress) { bar.At(int(p.Sequence), int(p.End)) })
	bar.End()
	if err != nil {
		return err
	}
	how := "built"
	if built.Resumed {
		how = "finished"
	}
	took := time.Since(began)
	_, err = fmt.Fprintf(out, "generation %d is %s, up to message %d, in %s; it is at schema %s until you switch\n",
		built.Generation, how, built.Sequence, took.Round(10*time.Millisecond), viewsSchema(o.config.Schema, built.Generation))
	return err
}

type switchVerb struct {
	Generation int           `help:"Which one. Default: the newest that this binary's projections made."`
	Soak       time.Duration `help:"Let it tail for this long first. Snapshots older than the switch see it as it was then, so soak for longer than your longest transaction."`
}

func (v *switchVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	done, err := o.Switch(ctx, SwitchOptions{Generation: v.Generation, Soak: v.Soak})
	return sayLive(out, done, err)
}

type rollbackVerb struct {
	Generation int `help:"Which one. Default: the one that was live last."`
}

func (v *rollbackVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	done, err := o.Rollback(ctx, SwitchOptions{Generation: v.Generation})
	return sayLive(out, done, err)
}

func sayLive(out io.Writer, done Switched, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "readers see generation %d instead of %d, at message %d; writing stood still for %s\n",
		done.To, done.From, done.Sequence, done.Held.Round(time.Microsecond))
	return err
}

type retireVerb struct {
	Generation int `arg:"" help:"Number of the generation to drop."`
}

func (v *retireVerb) do(ctx context.Context, o *Operator, out io.Writer) error {
	if err := o.Retire(ctx, v.Generation); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "generation %d is retired\n", v.Generation)
	return err
}
