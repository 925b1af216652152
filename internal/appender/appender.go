// Package appender puts events on a stream, each with an acknowledgement of its own. Whoever writes to the stream does it here: ingest, and watch for
// what it reads from the API.
package appender

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

// What an append can fail with beside the errors of nats.go.
var (
	ErrTooBusy     = errors.New("too many appends in flight")
	ErrAckLate     = errors.New("no acknowledgement in time")
	ErrOtherStream = errors.New("acknowledged by another stream")
	ErrStopped     = errors.New("not acknowledged before the shutdown's end")
)

// Appender puts events on a stream and waits for each one's own acknowledgement. It is safe for concurrent use; many waiting appends
// share the broker's round trips.
type Appender struct {
	js       jetstream.JetStream
	limit    int64
	ackTime  time.Duration
	inFlight atomic.Int64
	timers   sync.Pool
	stopped  chan struct{}
}

// New makes an appender over nc that lets at most limit appends wait at once, each for at most ackTime. The broker must answer to nc's inbox: see the
// inbox prefixes of deploy/nats. A connection should have nats.ReconnectBufSize(-1): a publish while it is disconnected would hang otherwise, and be
// sent later.
func New(nc *nats.Conn, limit int, ackTime time.Duration) (*Appender, error) {
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(limit),
		// A future whose acknowledgement never comes is forgotten by then; without this it would be kept for ever.
		jetstream.WithPublishAsyncTimeout(ackTime),
	)
	if err != nil {
		return nil, fmt.Errorf("set up jetstream: %w", err)
	}
	return &Appender{js: js, limit: int64(limit), ackTime: ackTime, stopped: make(chan struct{})}, nil
}

// Stop makes every append that still waits return at once. Call it once.
func (a *Appender) Stop() { close(a.stopped) }

// InFlight is how many appends wait for their acknowledgement now.
func (a *Appender) InFlight() int64 { return a.inFlight.Load() }

// JetStream is the broker as the appender sees it, for whoever looks at a stream over the same connection.
func (a *Appender) JetStream() jetstream.JetStream { return a.js }

// Ack is the broker's word that an event lies on its stream.
type Ack struct {
	// Sequence is the message's place on the stream; for a duplicate that of the first one.
	Sequence uint64
	// Known says that the event was there already: the duplicate window knew its message id.
	Known bool
}

// Append stores e on stream and returns after the acknowledgement, at most ackTime later.
//
// With a nil error the event is stored; Ack.Known says that it already was. With any error the outcome may be unknown: the message can have
// been stored although the acknowledgement was late or lost. The caller says so (ingest answers 503, and Svix sends the delivery again) and appends the same
// event another time; Nats-Msg-Id makes that a duplicate (or, behind the duplicate window, an equal version that changes no row).
//
// Only after a nil error may e.Body be written to again: until then nats.go may still hold it for a retry.
func (a *Appender) Append(stream string, e *events.Event) (Ack, error) {
	if a.inFlight.Add(1) > a.limit {
		a.inFlight.Add(-1)
		return Ack{}, ErrTooBusy
	}
	defer a.inFlight.Add(-1)

	h := nats.Header(e.Header())
	// A message that another stream listens to must not be acknowledged in the name of ours.
	h[jetstream.ExpectedStreamHeader] = []string{stream}
	future, err := a.js.PublishMsgAsync(&nats.Msg{Subject: e.Subject(), Header: h, Data: e.Body})
	if err != nil {
		return Ack{}, err
	}
	timer := a.timer()
	defer a.timers.Put(timer)
	select {
	case ack := <-future.Ok():
		timer.Stop()
		if ack.Stream != stream {
			return Ack{}, fmt.Errorf("%w: %s, not %s", ErrOtherStream, ack.Stream, stream)
		}
		return Ack{Sequence: ack.Sequence, Known: ack.Duplicate}, nil
	case err := <-future.Err():
		timer.Stop()
		return Ack{}, err
	case <-timer.C:
		return Ack{}, ErrAckLate
	case <-a.stopped:
		timer.Stop()
		return Ack{}, ErrStopped
	}
}

// timer returns a running one. Since Go 1.23 a stopped or reset timer leaves no stale value in its channel.
func (a *Appender) timer() *time.Timer {
	if t, ok := a.timers.Get().(*time.Timer); ok {
		t.Reset(a.ackTime)
		return t
	}
	return time.NewTimer(a.ackTime)
}
