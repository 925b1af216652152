package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// Backfill walks everything that Clerk lists and publishes what the read model has not. It may be killed at any moment: the next one goes on where this
// one was, at most a page back in each part, and what is published twice is a duplicate or an equal version. Once it came to its end the next one begins
// anew, and in an unchanged world publishes nothing.
//
// What differs is published whatever its age: a backfill cannot know whether webhooks flow yet, and an event too many does no harm. Deletions are
// Reconcile's.
func (r *Reconciler) Backfill(ctx context.Context, o BackfillOptions) (Summary, error) {
	chosen, err := choose(o.Kinds)
	if err != nil {
		return Summary{}, err
	}
	if err := r.ready(ctx); err != nil {
		return Summary{}, err
	}
	var all Summary
	if all.Resumed, err = r.beginWalks(ctx, chosen, o.Restart); err != nil {
		return all, err
	}
	var failed []error
	for n, k := range chosen {
		walked, err := r.backfillKind(ctx, k, o, n, len(chosen))
		if errors.Is(err, clerkapi.ErrNotEnabled) {
			err = nil
		}
		all.Kinds = append(all.Kinds, walked)
		if err != nil {
			failed = append(failed, fmt.Errorf("backfill %s: %w", k.name, err))
		}
		if hopeless(ctx, err) {
			break
		}
	}
	if len(failed) > 0 {
		return all, errors.Join(failed...)
	}
	return all, r.endWalks(ctx, chosen)
}

func (r *Reconciler) backfillKind(ctx context.Context, k *kind, o BackfillOptions, place, kinds int) (Walked, error) {
	started := r.config.Now()
	of, total, err := r.planWalk(ctx, k)
	if err != nil {
		return Walked{Kind: k.name}, err
	}
	i := &inspection{Reconciler: r, kind: k, source: events.SourceBackfill, publishes: true, result: KindResult{Kind: k.name, Started: started}}
	i.total.Store(total)
	unfinished := make([]clerkapi.Part, 0, len(of))
	var walks []*walk
	for n := range of {
		i.result.Objects += of[n].objects
		i.result.Published += of[n].published
		i.result.Malformed += of[n].malformed
		if !of[n].finished {
			unfinished, walks = append(unfinished, of[n].part), append(walks, &of[n])
		}
	}
	if o.Report != nil {
		i.report = func(objects, published, malformed int64) {
			o.Report(Progress{Kind: k.name, Objects: objects, Total: total, Published: published, Malformed: malformed, Place: place + 1, Kinds: kinds})
		}
		i.report(i.result.Objects, i.result.Published, i.result.Malformed)
	}
	err = each(ctx, unfinished, func(ctx context.Context, n int, part clerkapi.Part) error {
		return i.walkPart(ctx, walks[n], part)
	})
	r.metrics.backfilled.WithLabelValues(k.name).Set(float64(i.result.Objects))
	return Walked{Kind: k.name, Objects: i.result.Objects, Total: total, Published: i.result.Published, Malformed: i.result.Malformed}, err
}

// walkPart goes on where the part was left. Each step is: read, publish, wait for the acknowledgements, write the position down. If we crash before the
// last one the page is read again.
func (i *inspection) walkPart(ctx context.Context, w *walk, part clerkapi.Part) error {
	err := i.walk(ctx, i.kind, part, w.position, func(ctx context.Context, p clerkapi.Page) error {
		if i.config.hasty {
			w.position, w.objects = p.Next, int64(len(p.Objects))
			return errors.Join(i.saveWalk(ctx, w), hang(ctx))
		}
		published, malformed, err := i.page(ctx, p)
		if err != nil {
			return err
		}
		w.position = p.Next
		w.objects += int64(len(p.Objects) + len(p.Malformed))
		w.published += published
		w.malformed += malformed
		return i.saveWalk(ctx, w)
	})
	if err != nil {
		return err
	}
	w.finished = true
	return i.saveWalk(ctx, w)
}

// hang waits for the kill.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
