package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// Reconcile compares Clerk with the read model, kind by kind, and unless it is a dry run publishes what differs. Each kind's result is written down and
// set as metrics when the kind is done, also when it ended early; the error tells of each that did, and the other kinds are compared all the same.
func (r *Reconciler) Reconcile(ctx context.Context, o Options) (Result, error) {
	chosen, err := choose(o.Kinds)
	if err != nil {
		return Result{}, err
	}
	if o.Recent {
		if chosen = recentOf(chosen); len(chosen) == 0 {
			return Result{}, fmt.Errorf("%w: only users can be read by updated_at", ErrUnknownKind)
		}
	}
	if err := r.ready(ctx); err != nil {
		return Result{}, err
	}
	var all Result
	var failed []error
	for n, k := range chosen {
		i := r.inspect(k, o, n, len(chosen))
		err := i.run(ctx, o)
		if errors.Is(err, clerkapi.ErrNotEnabled) {
			// Nothing of it exists, and what is in the rows is of a time when it was enabled.
			i.result.Note, err = "not enabled for this instance", nil
		}
		i.result.Finished = r.config.Now()
		if err != nil {
			i.result.Complete, i.result.Note = false, noteOf(err)
		}
		all.Kinds = append(all.Kinds, i.result)
		// A run that was interrupted says so too.
		if kept := r.record(context.WithoutCancel(ctx), &i.result); err == nil {
			err = kept
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("reconcile %s: %w", k.name, err))
		}
		if hopeless(ctx, err) {
			break
		}
	}
	return all, errors.Join(failed...)
}

// hopeless says that the other kinds would fail in the same way.
func hopeless(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, clerkapi.ErrUnauthorized) || errors.Is(err, ErrReadModelBehind) || errors.Is(err, ErrNoReadModel)
}

// ready refuses what could only give wrong answers: the key of another instance, and rows that are not up to date.
func (r *Reconciler) ready(ctx context.Context) error {
	if err := r.checkInstance(ctx); err != nil {
		return err
	}
	return r.catchUp(ctx)
}

func (r *Reconciler) inspect(k *kind, o Options, place, kinds int) *inspection {
	i := &inspection{
		Reconciler: r, kind: k, source: events.SourceReconcile, grace: r.config.Grace, publishes: !o.DryRun, patient: true,
		result: KindResult{Kind: k.name, Mode: modeOf(o), Started: r.config.Now()},
	}
	i.total.Store(-1)
	if o.Report != nil {
		i.report = func(objects, published, malformed int64) {
			o.Report(Progress{
				Kind: k.name, Objects: objects, Total: i.total.Load(), Published: published, Malformed: malformed, Place: place + 1, Kinds: kinds,
			})
		}
	}
	return i
}

func (i *inspection) run(ctx context.Context, o Options) error {
	if o.Recent {
		return i.recent(ctx, o.Since)
	}
	return i.full(ctx)
}

// full walks a whole kind, and then looks for what it did not meet.
func (i *inspection) full(ctx context.Context) error {
	met, err := i.newSeen(ctx)
	if err != nil {
		return err
	}
	defer met.close(ctx)
	var began time.Time // by the clock that letters are dated by
	if err := i.pool.QueryRow(ctx, `select now()`).Scan(&began); err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	before, err := i.count(ctx, i.kind)
	if err != nil {
		return err
	}
	i.total.Store(before)
	of, err := i.config.API.Parts(ctx, i.kind.collection, parts)
	if err != nil {
		return err
	}
	var newest moment
	err = each(ctx, of, func(ctx context.Context, _ int, part clerkapi.Part) error {
		return i.walk(ctx, i.kind, part, "", func(ctx context.Context, p clerkapi.Page) error {
			newest.see(p.Objects)
			if err := met.add(ctx, &p); err != nil {
				return err
			}
			_, _, err := i.page(ctx, p)
			return err
		})
	})
	if err != nil {
		return err
	}
	after, err := i.count(ctx, i.kind)
	if err != nil {
		return err
	}
	n, err := met.count(ctx)
	if err != nil {
		return err
	}
	// While it was walked objects came and went, so the count is asked twice and the less of both is what a complete walk has met at least.
	if i.result.Complete = n >= min(before, after); !i.result.Complete {
		i.result.Note = fmt.Sprintf("met %d of %d, so nothing was taken for extra", n, min(before, after))
		return nil
	}
	i.result.watermark = newest.less(i.config.Grace, i.result.Started)
	if err := i.closeLetters(ctx, i.kind, began); err != nil {
		return err
	}
	return i.extras(ctx, met)
}

func (i *inspection) addRequests(n int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.result.Requests += n
}

func modeOf(o Options) string {
	switch {
	case o.Recent && o.DryRun:
		return "recent dry run"
	case o.Recent:
		return "recent"
	case o.DryRun:
		return "dry run"
	}
	return "full"
}

// noteOf is an error without what may be personal in it: errors of ours and of the client name ids and codes only.
func noteOf(err error) string {
	const most = 500
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// timeZero says that there is no watermark.
var timeZero time.Time
