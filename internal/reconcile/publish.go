package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/appender"
)

// publish puts the drifting ones among the findings on the stream and returns when each is acknowledged. If we crash on the way, some are there; the
// page is read again, and those that differ still are published under the ids they have.
func (r *Reconciler) publish(ctx context.Context, k *kind, source events.Source, found []finding) (int64, error) {
	var published atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(appendsPerPage)
	for i := range found {
		f := &found[i]
		if !f.class.drifting() {
			continue
		}
		group.Go(func() error {
			ack, err := r.publishOne(ctx, k, source, f)
			if errors.Is(err, nats.ErrMaxPayload) {
				f.class, f.reason = classMalformed, "too_large"
				return nil
			}
			if err == nil && !ack.Known {
				published.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	r.metrics.published.WithLabelValues(k.name, string(source)).Add(float64(published.Load()))
	return published.Load(), err
}

// appendsPerPage bounds the appends of one page that wait at once.
const appendsPerPage = 64

func (r *Reconciler) publishOne(ctx context.Context, k *kind, source events.Source, f *finding) (appender.Ack, error) {
	ack, err := r.append(ctx, r.observed(k, f, false), source)
	// A duplicate that was applied before we looked did not last: somebody changed the row since, to what it was before. Said once more under the same
	// id the broker would drop it again.
	if err == nil && ack.Known && ack.Sequence <= f.sequence {
		return r.append(ctx, r.observed(k, f, true), source)
	}
	return ack, err
}

// append retries what may pass: the same event under the same id is a duplicate at worst.
func (r *Reconciler) append(ctx context.Context, o *events.Observed, source events.Source) (appender.Ack, error) {
	e, err := o.Event(r.intake(source))
	if err != nil {
		return appender.Ack{}, err
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, 2*time.Second
	ack, err := backoff.Retry(ctx, func() (appender.Ack, error) {
		ack, err := r.config.Appender.Append(r.stream, &e)
		if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, appender.ErrOtherStream) || errors.Is(err, appender.ErrStopped) {
			return ack, backoff.Permanent(err)
		}
		return ack, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(r.config.AppendTimeout))
	if err != nil {
		return ack, fmt.Errorf("append %s of %s: %w", e.Type, e.EntityID, err)
	}
	return ack, nil
}
