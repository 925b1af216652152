package hydrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
)

// stopWithin is how long fetches in hand may go on when Run's context has ended. An answer that comes is worth more to a waiting person than a quick end.
const stopWithin = 2 * time.Second

// leaveWithin bounds the last word to and from the broker.
const leaveWithin = time.Second

// group is shared by all who answer for an instance: there is one at a time, but while one takes over from another both may listen, and each request is
// for one of them.
const group = "watch"

// Server answers requests for missing objects.
type Server struct {
	cfg     Config
	flights *flights
	metrics *metrics
	sample  rate.Sometimes
}

// New makes a Server, which listens from Run on.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	kept, err := newMemory(c.Remembered, c.Remember)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, err
	}
	return &Server{cfg: c, flights: newFlights(c, kept), metrics: m, sample: rate.Sometimes{First: 10, Interval: 10 * time.Second}}, nil
}

// Waiting is how many requests wait for an answer now.
func (s *Server) Waiting() int { return s.flights.waiting() }

// Run answers until ctx ends, and returns nil when every request it has taken is answered, two seconds later at most. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	// The broker's client drops what finds no place here; whoever asked waits in vain then. Entering is a matter of microseconds, so the place is enough.
	inbox := make(chan *nats.Msg, s.cfg.Askers)
	sub, err := s.cfg.Conn.ChanQueueSubscribe(wire.Subject(s.cfg.Instance), group, inbox)
	if err != nil {
		return fmt.Errorf("listen for hydrate requests: %w", err)
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	for range s.cfg.Workers {
		workers.Go(func() { s.work(working, ctx) })
	}
	s.listen(ctx, inbox)
	err = s.leave(sub, inbox)
	late := time.AfterFunc(stopWithin, cancel)
	defer late.Stop()
	close(s.flights.queue)
	workers.Wait()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("leave hydrate requests: %w", err)
	}
	return nil
}

func (s *Server) listen(ctx context.Context, inbox <-chan *nats.Msg) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-inbox:
			s.take(m)
		}
	}
}

// leave ends the subscription, and answers what the broker had sent by then. Who asks later finds no responder, and learns it at once.
func (s *Server) leave(sub *nats.Subscription, inbox <-chan *nats.Msg) error {
	err := sub.Drain()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(leaveWithin)
	defer late.Stop()
	for err == nil && sub.IsValid() || len(inbox) > 0 {
		select {
		case m := <-inbox:
			s.reply(m.Reply, unavailable())
		case <-tick.C:
		case <-late.C: // the broker is away, and so is whoever asked
			return nil
		}
	}
	return err
}

// take answers what needs no work, and queues the rest. It never blocks.
func (s *Server) take(m *nats.Msg) {
	if m.Reply == "" {
		return // nobody to tell
	}
	r, err := wire.ParseRequest(m.Data)
	if err != nil {
		s.metrics.answered("", wire.Invalid, 1)
		s.reply(m.Reply, wire.Answer{Status: wire.Invalid})
		return
	}
	if a, ready := s.flights.enter(object{r.Kind, r.ID}, r.Seen, m.Reply); ready {
		s.metrics.answered(r.Kind, a.Status, 1)
		s.reply(m.Reply, a)
	}
	s.metrics.waiting.Set(float64(s.flights.waiting()))
}

// work fetches one object after the other until the queue is closed. listening ends before working does: what has not begun by then is not begun.
func (s *Server) work(working, listening context.Context) {
	for f := range s.flights.queue {
		a := unavailable()
		switch waited := s.cfg.Now().Sub(f.queued); {
		case listening.Err() != nil:
		case waited > s.cfg.FetchTimeout:
			a = busy() // whoever asked has given up, or will before Clerk answers
		default:
			a = s.fetch(working, f.object)
		}
		replies := s.flights.land(f, a)
		s.metrics.answered(f.kind, a.Status, len(replies))
		for _, reply := range replies {
			s.reply(reply, a)
		}
		s.metrics.waiting.Set(float64(s.flights.waiting()))
	}
}

func (s *Server) fetch(ctx context.Context, o object) wire.Answer {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	began := s.cfg.Now()
	sequence, err := s.cfg.Fetch(ctx, o.kind, o.id)
	a := wire.Answer{Status: wire.Found, Sequence: sequence}
	switch {
	case errors.Is(err, ErrAbsent):
		a = wire.Answer{Status: wire.Absent}
	case err != nil:
		a = unavailable()
		s.sample.Do(func() { s.cfg.Log.WarnContext(ctx, "hydrate: fetch failed", "kind", o.kind, "id", o.id, "error", err) })
	}
	s.metrics.fetched(o.kind, a.Status, s.cfg.Now().Sub(began))
	return a
}

// reply tells one asker. One that cannot be told runs into its own deadline.
func (s *Server) reply(to string, a wire.Answer) {
	if to == "" {
		return
	}
	data, err := json.Marshal(a)
	if err == nil {
		err = s.cfg.Conn.Publish(to, data)
	}
	if err != nil {
		s.sample.Do(func() { s.cfg.Log.Warn("hydrate: answer not sent", "error", err) })
	}
}
