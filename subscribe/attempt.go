package subscribe

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"

	"github.com/clerkstream/clerkstream/events"
)

// PanicError is a handler's panic.
type PanicError struct {
	// Cause is what the runtime says, or only the type of the value that a handler threw: it may be anything.
	Cause string
	Stack []byte
}

func (e *PanicError) Error() string { return "panic: " + e.Cause }

// guard stands around all handlers of an event: it lets pass what is for none of them, and puts aside what cannot be read and what ends processes.
func (g *Group) guard(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) (_ []*message.Message, err error) {
		defer recovered(&err)
		handlers := g.byType[typeOf(m)]
		switch {
		case g.passes(m, handlers):
			return nil, nil
		case len(handlers) == 0:
			return nil, fmt.Errorf("message %s: no handler for %s in this process", m.UUID, typeOf(m))
		case deliveriesOf(m) > 2*g.config.MaxDeliveries:
			return nil, g.putAside(m, handlers, reasonNeverEnds, errors.New("delivered over and over and never came to an end"))
		}
		_, err = next(m)
		if errors.As(err, new(unreadableError)) {
			return nil, g.putAside(m, handlers, reasonUnreadable, err)
		}
		if err == nil {
			g.observeLag(m)
		}
		return nil, err
	}
}

// handBacks is how often an event that nobody here handles is given to another process before it is passed over: while a release rolls out, a
// newer process beside this one may have its handler.
const handBacks = 3

func (g *Group) passes(m *message.Message, handlers []Handler) bool {
	var reason string
	source := events.Source(m.Metadata[events.HeaderOrigin])
	switch {
	case typeOf(m) == "":
		reason = passedUnrouted
	case len(handlers) == 0 && deliveriesOf(m) > handBacks:
		reason = passedNoHandler
	case len(handlers) > 0 && source != "" && !slices.Contains(g.config.Sources, source):
		reason = passedSource
	default:
		return false
	}
	g.metrics.passed.WithLabelValues(reason).Inc()
	return true
}

func (g *Group) observeLag(m *message.Message) {
	if received, err := time.Parse(time.RFC3339, m.Metadata[events.HeaderReceived]); err == nil {
		g.metrics.lag.Observe(g.config.Now().Sub(received).Seconds())
	}
}

// onHandle runs one handler for one event. A handler that fails for good gets a dead letter, and the event's other handlers still have their turn; one
// that may yet succeed sends the event away, and all of them see it again.
func (g *Group) onHandle(p cqrs.EventGroupProcessorOnHandleParams) error {
	h := p.Handler.(member).Handler
	err := g.tried(p.Message.Context(), h, p.Event)
	switch {
	case err == nil:
		return nil
	case p.Message.Context().Err() != nil:
		// The process ends, and that is not the event's fault.
		return err
	case isPermanent(err):
		return g.putAside(p.Message, []Handler{h}, reasonPermanent, err)
	case deliveriesOf(p.Message) >= g.config.MaxDeliveries:
		return g.putAside(p.Message, []Handler{h}, reasonFailed, err)
	}
	return fmt.Errorf("handler %s, delivery %d: %w", h.name, deliveriesOf(p.Message), err)
}

// tried repeats a handler a few times: most failures are over in a moment, and a round by the broker loses the event's place.
func (g *Group) tried(ctx context.Context, h Handler, event any) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = 100 * time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := g.attempt(ctx, h, event)
		if isPermanent(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(waits), backoff.WithMaxTries(uint(g.config.Attempts)), backoff.WithMaxElapsedTime(0))
	if last := (*backoff.PermanentError)(nil); errors.As(err, &last) {
		return last.Unwrap()
	}
	return err
}

func (g *Group) attempt(ctx context.Context, h Handler, event any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, g.config.HandleTimeout)
	defer cancel()
	began, outcome := g.config.Now(), outcomeFailed
	defer func() {
		g.metrics.handled.WithLabelValues(h.name, outcome).Inc()
		g.metrics.seconds.WithLabelValues(h.name).Observe(g.config.Now().Sub(began).Seconds())
	}()
	defer recovered(&err)
	duplicate, err := h.handle(ctx, g.config.Service, event)
	switch {
	case err != nil:
	case duplicate:
		outcome = outcomeDuplicate
	default:
		outcome = outcomeDone
	}
	return err
}

// recovered makes an error of a panic.
func recovered(err *error) {
	v := recover()
	if v == nil {
		return
	}
	cause := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		cause = e.Error()
	}
	*err = &PanicError{cause, debug.Stack()}
}
