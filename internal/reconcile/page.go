package reconcile

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// parts is into how many stretches a collection is cut where it can be. Each is walked by one goroutine, with one page ahead of it: enough to keep the
// budget busy, for a cursor gives one page at a time, and few enough for 128 MiB.
const parts = 16

// pagesAtWork bounds the pages that are decoded and compared at once. Each is several times its size then; the others wait as they came.
const pagesAtWork = 4

// walk is the API's, of the kind's own objects.
func (r *Reconciler) walk(ctx context.Context, k *kind, part clerkapi.Part, from clerkapi.Position, each func(context.Context, clerkapi.Page) error) error {
	return r.config.API.Walk(ctx, part, from, func(ctx context.Context, p clerkapi.Page) (err error) {
		if k.expand != nil {
			if p, err = k.expand(ctx, r.config.API, p); err != nil {
				return err
			}
		}
		return each(ctx, p)
	})
}

// count is how many of a kind there are, or -1 where Clerk does not say; a walk to the end is complete then.
func (r *Reconciler) count(ctx context.Context, k *kind) (int64, error) {
	if k.expand != nil {
		return -1, nil
	}
	n, err := r.config.API.Count(ctx, k.collection)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", k.name, err)
	}
	return int64(n), nil
}

// each walks parts side by side.
func each(ctx context.Context, of []clerkapi.Part, walk func(context.Context, int, clerkapi.Part) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range of {
		group.Go(func() error { return walk(ctx, i, part) })
	}
	return group.Wait()
}

// inspection is a comparison of one kind on its way. Its pages may come from several parts at once.
type inspection struct {
	*Reconciler
	kind      *kind
	source    events.Source
	grace     time.Duration
	publishes bool
	// patient says to look twice before anything is called a difference: what the stream holds already may only not be applied yet.
	patient bool

	mu     sync.Mutex
	result KindResult
	total  atomic.Int64
	report func(objects, published, malformed int64)
}

// page compares one page, publishes what differs and books it. It returns after the last acknowledgement.
func (i *inspection) page(ctx context.Context, p clerkapi.Page) (published, malformed int64, err error) {
	select {
	case i.turns <- struct{}{}:
		defer func() { <-i.turns }()
	case <-ctx.Done():
		return 0, 0, context.Cause(ctx)
	}
	found, err := i.look(ctx, i.kind, i.source, p.Objects, i.grace)
	if err != nil {
		return 0, 0, err
	}
	if i.patient {
		if err := i.lookAgain(ctx, found); err != nil {
			return 0, 0, err
		}
	}
	if i.publishes {
		if published, err = i.publish(ctx, i.kind, i.source, found); err != nil {
			return 0, 0, err
		}
	}
	letters := i.letters(found, p)
	if err := i.keepLetters(ctx, i.kind, letters); err != nil {
		return 0, 0, err
	}
	i.book(found, int64(len(p.Malformed)), published)
	return published, int64(len(letters)), nil
}

// lookAgain compares what differs once more, with rows that hold all that the stream does.
func (i *inspection) lookAgain(ctx context.Context, found []finding) error {
	var places []int
	var objects []clerkapi.Object
	for n := range found {
		if found[n].class.drifting() || found[n].class == classWrongTombstone {
			places, objects = append(places, n), append(objects, found[n].object)
		}
	}
	if len(places) == 0 {
		return nil
	}
	if err := i.catchUp(ctx); err != nil {
		return err
	}
	again, err := i.look(ctx, i.kind, i.source, objects, i.grace)
	if err != nil {
		return err
	}
	for n, place := range places {
		found[place] = again[n]
	}
	return nil
}

func (i *inspection) book(found []finding, malformed, published int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := &i.result
	r.Requests++
	r.Objects += int64(len(found)) + malformed
	r.Malformed += malformed
	r.Published += published
	for n := range found {
		r.count(found[n].class, found[n].object.ID)
		if found[n].class == classAhead {
			r.Note = "rows that claim to be newer than Clerk says were left alone"
		}
	}
	if i.report != nil {
		i.report(r.Objects, r.Published, r.Malformed)
	}
}
