package subscribe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subscription reads one consumer. A message is here from its arrival until it is settled: waiting in its lane, or in hand as the first of it.
type subscription struct {
	js       jetstream.JetStream
	consumer jetstream.Consumer
	config   SubscriberConfig
	ackWait  time.Duration
	out      chan *message.Message

	reading      context.Context // until no more is begun
	stopReading  context.CancelFunc
	handling     context.Context // until handlers must give up
	stopHandling context.CancelFunc

	room  chan struct{} // one token for each message that may be here
	slots chan struct{} // one for each that may be in hand
	lanes sync.WaitGroup

	mu   sync.Mutex
	held map[uint64]*delivery   // by sequence
	line map[string][]*delivery // by lane, in order
}

// waitingPerSlot is how many messages may wait here for each that is in hand: enough for the next to be there when one is done.
const waitingPerSlot = 4

func newSubscription(ctx context.Context, js jetstream.JetStream, consumer jetstream.Consumer, c SubscriberConfig) *subscription {
	reading, stopReading := context.WithCancel(ctx)
	handling, stopHandling := context.WithCancel(context.WithoutCancel(ctx))
	return &subscription{
		js: js, consumer: consumer, config: c, ackWait: consumer.CachedInfo().Config.AckWait,
		out: make(chan *message.Message), reading: reading, stopReading: stopReading, handling: handling, stopHandling: stopHandling,
		room: make(chan struct{}, c.Parallel*(1+waitingPerSlot)), slots: make(chan struct{}, c.Parallel),
		held: map[uint64]*delivery{}, line: map[string][]*delivery{},
	}
}

// run returns when everything it began has ended.
func (s *subscription) run(stop, kill <-chan struct{}) {
	defer close(s.out)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(stop, kill, ended) })
	watch.Go(func() { s.beat(ended) })
	err := s.read()
	// From here on nothing is begun: what waits goes back, what is in hand ends.
	s.stopReading()
	s.lanes.Wait()
	close(ended)
	watch.Wait()
	s.stopHandling()
	if err != nil {
		s.config.Lost(err)
	}
}

func (s *subscription) watch(stop, kill, ended <-chan struct{}) {
	select {
	case <-stop:
		s.stopReading()
	case <-ended:
		return
	}
	select {
	case <-kill:
		s.stopHandling()
	case <-ended:
	}
}

const (
	// pullExpiry is how long a request for messages stands. One that we leave behind can cost the message sent to it its ack deadline, so it is short.
	pullExpiry = 5 * time.Second
	// pullHeartbeat notices a request that the broker lost within twice its length.
	pullHeartbeat = time.Second
	// pause is between two requests after an error, so that a broker in trouble is not asked without end.
	pause = 100 * time.Millisecond
)

// read asks for no more messages than there is room for. A client that reads ahead holds messages whose ack deadline nobody moves on.
func (s *subscription) read() error {
	for s.reading.Err() == nil {
		n, ok := s.takeRoom()
		if !ok {
			break
		}
		before := s.js.Conn().LastError()
		got, err := s.pull(n)
		for range n - got {
			<-s.room
		}
		if err == nil || s.reading.Err() != nil {
			continue
		}
		if err := s.fatal(err, before); err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-s.reading.Done():
		}
	}
	return nil
}

// takeRoom waits for room for one message and takes all there is.
func (s *subscription) takeRoom() (n int, ok bool) {
	select {
	case s.room <- struct{}{}:
	case <-s.reading.Done():
		return 0, false
	}
	for n = 1; n < cap(s.room); n++ {
		select {
		case s.room <- struct{}{}:
		default:
			return n, true
		}
	}
	return n, true
}

// pull is one request for up to n messages. It returns how many of them took room.
func (s *subscription) pull(n int) (got int, err error) {
	ctx, cancel := context.WithTimeout(s.reading, pullExpiry)
	defer cancel()
	batch, err := s.consumer.Fetch(n, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(pullHeartbeat))
	if err != nil {
		return 0, err
	}
	for raw := range batch.Messages() {
		if s.accept(raw) {
			got++
		}
	}
	if err := batch.Error(); err != nil && ctx.Err() == nil {
		return got, err
	}
	return got, nil
}

// fatal returns the error that ends the subscription, or nil when asking again may help.
func (s *subscription) fatal(err, before error) error {
	name := s.consumer.CachedInfo().Name
	ctx, cancel := context.WithTimeout(s.reading, pullExpiry)
	defer cancel()
	// A refused request shows as silence; the refusal itself comes by the side.
	denied := s.js.Conn().LastError()
	if denied != before && errors.Is(denied, nats.ErrPermissionViolation) { //nolint:errorlint // not what it is, but whether it is another
		return fmt.Errorf("read consumer %s: %w", name, denied)
	}
	if s.js.Conn().IsClosed() {
		return fmt.Errorf("read consumer %s: %w", name, nats.ErrConnectionClosed)
	}
	_, gone := s.consumer.Info(ctx)
	if errors.Is(gone, jetstream.ErrConsumerNotFound) || errors.Is(gone, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("read consumer %s: %w", name, gone)
	}
	s.config.Log.WarnContext(s.reading, "asking for messages again", "consumer", name, "error", err)
	return nil
}
