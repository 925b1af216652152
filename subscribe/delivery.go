package subscribe

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// delivery is a message that is here. raw changes, under the subscription's lock, when the broker sends the message again meanwhile.
type delivery struct {
	raw  jetstream.Msg
	meta *jetstream.MsgMetadata
	lane string
}

// accept takes a message that arrived into its lane and reports whether it takes room. One that is here already, sent again because its ack deadline
// passed unheard, is not begun a second time: its newer copy will be acknowledged.
func (s *subscription) accept(raw jetstream.Msg) bool {
	meta, err := raw.Metadata()
	if err != nil {
		// Not a message of a consumer: there is nothing that could be acknowledged.
		s.config.Log.ErrorContext(s.reading, "message without a position", "error", err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, here := s.held[meta.Sequence.Stream]; here {
		d.raw = raw
		return false
	}
	d := &delivery{raw: raw, meta: meta, lane: s.config.Lane(raw.Subject())}
	s.held[meta.Sequence.Stream] = d
	s.line[d.lane] = append(s.line[d.lane], d)
	if len(s.line[d.lane]) == 1 {
		s.lanes.Go(func() { s.runLane(d) })
	}
	return true
}

// runLane settles a lane's messages one after the other until none is left.
func (s *subscription) runLane(d *delivery) {
	for d != nil {
		s.handOut(d)
		d = s.done(d)
	}
}

// done forgets a message and returns the next of its lane.
func (s *subscription) done(d *delivery) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, d.meta.Sequence.Stream)
	<-s.room
	rest := s.line[d.lane][1:]
	if len(rest) == 0 {
		delete(s.line, d.lane)
		return nil
	}
	s.line[d.lane] = rest
	return rest[0]
}

// handOut gives a message to a handler and tells the broker what became of it.
func (s *subscription) handOut(d *delivery) {
	if !s.begin(d) {
		return
	}
	defer func() { <-s.slots }()
	ctx, cancel := context.WithCancel(s.handling)
	defer cancel()
	m := toMessage(s.current(d), d.meta)
	m.SetContext(withTrace(ctx, m.Metadata))
	select {
	case s.out <- m:
	case <-s.reading.Done():
		s.giveBack(d, 0)
		return
	}
	select {
	case <-m.Acked():
		// If we crash here, the message comes again although its handler succeeded: that is why there is an inbox.
		s.confirm(d)
	case <-m.Nacked():
		s.config.metrics.redeliveries.Inc()
		s.giveBack(d, s.backoff(d.meta.NumDelivered))
	case <-s.handling.Done():
		// Its handler may still be at it, so another process shall not have the message at once: its ack deadline stands.
		s.config.Log.WarnContext(s.handling, "handler was given up", "message", describe(d.meta))
	}
}

// begin waits for a slot; when the subscription ends first, the message goes back.
func (s *subscription) begin(d *delivery) bool {
	if s.reading.Err() == nil {
		select {
		case s.slots <- struct{}{}:
			return true
		case <-s.reading.Done():
		}
	}
	s.giveBack(d, 0)
	return false
}

// backoff is the wait after the n-th delivery.
func (s *subscription) backoff(n uint64) time.Duration {
	return s.config.Backoff[min(max(n, 1), uint64(len(s.config.Backoff)))-1]
}

// Acks are asked for up to three times: a broker that was just reset to an earlier message answers none for those in hand, and will send them again.
const (
	ackTimeout = 2 * time.Second
	ackTries   = 3
)

// confirm acknowledges and waits for the broker's word that it knows. Costs one round trip a message, and buys that nothing which we call done comes
// again after a clean stop, and that no later message of the entity begins before.
func (s *subscription) confirm(d *delivery) {
	var err error
	for range ackTries {
		ctx, cancel := context.WithTimeout(s.handling, ackTimeout)
		err = s.current(d).DoubleAck(ctx)
		cancel()
		if err == nil || s.handling.Err() != nil {
			return
		}
	}
	// The broker will send it again. The effect is there, so this is a repetition, not a loss.
	s.config.metrics.unconfirmed.Inc()
	s.config.Log.WarnContext(s.handling, "ack was not confirmed", "message", describe(d.meta), "error", err)
}

// giveBack asks for the message again after a while; 0 is at once. If the request is lost the ack deadline does the same.
func (s *subscription) giveBack(d *delivery, after time.Duration) {
	s.mu.Lock()
	// Under the lock that beat takes: a deadline that is moved on behind this would undo the wait. A message refuses that once it was handed back.
	err := d.raw.NakWithDelay(after)
	s.mu.Unlock()
	if err != nil {
		s.config.Log.WarnContext(s.handling, "message was not handed back", "message", describe(d.meta), "error", err)
	}
}

func (s *subscription) current(d *delivery) jetstream.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.raw
}

// beat moves on the ack deadline of everything that is here, three times within it, so that only a dead process lets one pass.
func (s *subscription) beat(ended <-chan struct{}) {
	tick := time.NewTicker(max(s.ackWait/3, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.mu.Lock()
			for _, d := range s.held {
				// It only fills a buffer. When the connection is away there is nothing to move.
				_ = d.raw.InProgress()
			}
			s.mu.Unlock()
		case <-ended:
			return
		}
	}
}
