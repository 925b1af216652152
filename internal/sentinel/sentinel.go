package sentinel

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/events"
)

// Sentinel watches one instance. Its methods are safe for concurrent use.
type Sentinel struct {
	config  Config
	metrics *metrics
	client  *http.Client
	reader  *reader

	mu    sync.Mutex
	judge *judge

	// Of the stream at the last look; only watch uses them.
	end     uint64
	created time.Time

	mend     chan struct{} // capacity 1: an outage is over
	repaired int           // objects of repairs that did not come to their end; only repair uses it
}

// New checks the configuration, reports all that is wrong with it, and registers the metrics. It asks nobody anything.
func New(c Config) (*Sentinel, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("sentinel: %w", err)
	}
	s := &Sentinel{config: c, client: newClient(), judge: newJudge(c, c.Now()), mend: make(chan struct{}, 1)}
	s.reader = newReader(c.JS, c.Instance, s.message)
	var err error
	if s.metrics, err = newMetrics(c.Metrics, s.age); err != nil {
		return nil, fmt.Errorf("sentinel: %w", err)
	}
	s.judge.opened = func(cause Cause) { s.metrics.outages.WithLabelValues(string(cause)).Inc() }
	return s, nil
}

// Run watches until ctx ends, and then returns nil. It may run once. Nothing that it watches can end it: an error is what it is there to report.
func (s *Sentinel) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	start := s.config.Now().Add(-s.config.Limits.Learn)
	group.Go(func() error {
		s.reader.run(ctx, start, func(err error) {
			s.config.Log.WarnContext(ctx, "stream not read", "instance", s.config.Instance, "error", err)
		})
		return nil
	})
	for i := range s.config.IngestURLs {
		group.Go(func() error { return every(ctx, s.config.Limits.Scrape, func() { s.scrape(ctx, i) }) })
	}
	if s.config.WebhookURL != "" {
		group.Go(func() error { return every(ctx, s.config.Limits.Scrape, func() { s.probe(ctx) }) })
	}
	if c := s.config.Canary; c.UserID != "" {
		group.Go(func() error { return every(ctx, min(s.config.Limits.Tick, c.Every), func() { s.touch(ctx) }) })
	}
	group.Go(func() error { return every(ctx, s.config.Limits.Tick, func() { s.watch(ctx, start) }) })
	group.Go(func() error { return s.repairs(ctx) })
	return group.Wait()
}

// every does something at once and then again and again, with a pause between, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Status is what is known now.
func (s *Sentinel) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judge.status(s.config.Now())
}

// age is of the last webhook, in seconds.
func (s *Sentinel) age() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judge.last.IsZero() {
		return -1
	}
	return s.config.Now().Sub(s.judge.last).Seconds()
}

func (s *Sentinel) message(typ, entity string, source events.Source, arrived time.Time) {
	// What was read from the API comes although no webhook does.
	if source != events.SourceWebhook {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judge.webhook(typ, entity, arrived, s.config.Now()) {
		s.metrics.canary.WithLabelValues(touchReturned).Inc()
	}
}

func (s *Sentinel) scrape(ctx context.Context, i int) {
	is, err := scrape(ctx, s.client, s.config.IngestURLs[i], s.config.Instance)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.config.Log.DebugContext(ctx, "ingest not seen", "instance", s.config.Instance, "error", err)
		s.judge.scraped(i, nil, s.config.Now())
		return
	}
	s.judge.scraped(i, &is, s.config.Now())
}

// probe asks the public endpoint while an outage goes on: at other times that would only be noise in ingest's counters.
func (s *Sentinel) probe(ctx context.Context) {
	s.mu.Lock()
	going := s.judge.open != nil
	s.mu.Unlock()
	if !going {
		return
	}
	is := probe(ctx, s.client, s.config.WebhookURL)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge.probe = is
}

// touch sends the canary when it is due, and the stream is read, for otherwise nobody would see it come back.
func (s *Sentinel) touch(ctx context.Context) {
	s.mu.Lock()
	now := s.config.Now()
	due := s.judge.current && s.judge.canary.due(now)
	if due {
		s.judge.canary.begin(now)
	}
	s.mu.Unlock()
	if !due {
		return
	}
	touching, cancel := context.WithTimeout(ctx, s.config.Canary.Limit)
	defer cancel()
	err := s.config.Canary.Touch(touching)
	if err == nil || ctx.Err() != nil {
		return
	}
	s.metrics.canary.WithLabelValues(touchRefused).Inc()
	s.config.Log.WarnContext(ctx, "canary not touched", "instance", s.config.Instance, "user_id", s.config.Canary.UserID, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge.canary.refused()
}

// watch looks at the stream, judges, and writes down what changed.
func (s *Sentinel) watch(ctx context.Context, start time.Time) {
	position := s.reader.position.Load()
	info, err := s.reader.look(ctx)
	if ctx.Err() != nil {
		return
	}
	end, last := info.State.LastSeq, info.State.LastTime
	if err == nil {
		if end < position || !s.created.IsZero() && !info.Created.Equal(s.created) {
			s.config.Log.WarnContext(ctx, "stream was made anew", "instance", s.config.Instance, "end", end, "read", position)
			s.reader.rewind()
			s.end = end
		}
		s.created = info.Created
	}
	// Held against the end at the look before, for at the newest one a busy reader never is. Where the last messages were erased, or are older than the past
	// that is read, that end is never reached: then nothing more comes.
	if s.end == 0 {
		s.end = end
	}
	current := s.reader.position.Load() >= s.end || last.Before(start) || s.reader.idle() > 2*pullHeartbeat
	if err == nil {
		s.end = end
	} else {
		s.config.Log.WarnContext(ctx, "stream not seen", "instance", s.config.Instance, "error", err)
	}
	s.step(ctx, err == nil, current)
	s.write(ctx)
}

// step judges under the lock, and tells of what is new.
func (s *Sentinel) step(ctx context.Context, seen, current bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now()
	before := s.judge.open
	s.judge.stream(seen, current, now)
	if s.judge.tick(now) {
		s.metrics.canary.WithLabelValues(touchLate).Inc()
	}
	s.metrics.show(s.judge, now)
	switch after := s.judge.open; {
	case before == nil && after != nil:
		s.config.Log.ErrorContext(ctx, "webhooks stopped", "instance", s.config.Instance, "began", after.Began, "suspected_cause", string(after.Cause),
			"signals", after.Signals, "advice", after.Advice)
	case before != nil && after == nil:
		s.config.Log.InfoContext(ctx, "webhooks come again", "instance", s.config.Instance, "began", before.Began, "ended", before.Ended,
			"suspected_cause", string(before.Cause))
	}
	if _, due := s.judge.toRepair(); due {
		select {
		case s.mend <- struct{}{}:
		default:
		}
	}
}
