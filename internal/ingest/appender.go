package ingest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

var (
	errTooBusy     = errors.New("too many appends in flight")
	errAckLate     = errors.New("no acknowledgement in time")
	errOtherStream = errors.New("acknowledged by another stream")
	errStopped     = errors.New("not acknowledged before the shutdown's end")
)

// appender puts events on a stream and waits for each one's own acknowledgement. It is safe for concurrent use; many waiting appends
// share the broker's round trips.
type appender struct {
	js       jetstream.JetStream
	limit    int64
	ackTime  time.Duration
	inFlight atomic.Int64
	timers   sync.Pool
	stopped  chan struct{}
}

func newAppender(nc *nats.Conn, limit int, ackTime time.Duration) (*appender, error) {
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(limit),
		// A future whose acknowledgement never comes is forgotten by then; without this it would be kept for ever.
		jetstream.WithPublishAsyncTimeout(ackTime),
	)
	if err != nil {
		return nil, fmt.Errorf("set up jetstream: %w", err)
	}
	return &appender{js: js, limit: int64(limit), ackTime: ackTime, stopped: make(chan struct{})}, nil
}

// stop makes every append that still waits return at once. Call it once.
func (a *appender) stop() { close(a.stopped) }

// append stores e on stream and returns after the acknowledgement, at most ackTime later.
//
// With a nil error the event is stored; known says that it already was. With any error the outcome may be unknown: the message can have
// been stored although the acknowledgement was late or lost. The caller answers 503, Svix sends the delivery again under the same
// svix-id, and Nats-Msg-Id makes that a duplicate (or, behind the duplicate window, an equal version that changes no row).
//
// Only after a nil error may e.Body be written to again: until then nats.go may still hold it for a retry.
func (a *appender) append(stream string, e *events.Event) (known bool, err error) {
	if a.inFlight.Add(1) > a.limit {
		a.inFlight.Add(-1)
		return false, errTooBusy
	}
	defer a.inFlight.Add(-1)

	h := nats.Header(e.Header())
	// A message that another stream listens to must not be acknowledged in the name of ours.
	h[jetstream.ExpectedStreamHeader] = []string{stream}
	future, err := a.js.PublishMsgAsync(&nats.Msg{Subject: e.Subject(), Header: h, Data: e.Body})
	if err != nil {
		return false, err
	}
	timer := a.timer()
	defer a.timers.Put(timer)
	select {
	case ack := <-future.Ok():
		timer.Stop()
		if ack.Stream != stream {
			return false, fmt.Errorf("%w: %s, not %s", errOtherStream, ack.Stream, stream)
		}
		return ack.Duplicate, nil
	case err := <-future.Err():
		timer.Stop()
		return false, err
	case <-timer.C:
		return false, errAckLate
	case <-a.stopped:
		timer.Stop()
		return false, errStopped
	}
}

// timer returns a running one. Since Go 1.23 a stopped or reset timer leaves no stale value in its channel.
func (a *appender) timer() *time.Timer {
	if t, ok := a.timers.Get().(*time.Timer); ok {
		t.Reset(a.ackTime)
		return t
	}
	return time.NewTimer(a.ackTime)
}

// outcomeOf sorts an append's error by what the operator has to look at.
func outcomeOf(err error) outcome {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, errTooBusy), errors.Is(err, jetstream.ErrTooManyStalledMsgs):
		return tooBusy
	case errors.Is(err, errAckLate), errors.Is(err, jetstream.ErrAsyncPublishTimeout):
		return ackLate
	case errors.As(err, &api), errors.Is(err, errOtherStream), errors.Is(err, nats.ErrMaxPayload):
		return appendRefused
	case errors.Is(err, errStopped):
		return notReady
	}
	return brokerUnavailable
}
