package sentinel

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	recordWithin = 5 * time.Second
	// A repair that fails is tried again after these pauses, growing from the one to the other.
	repairSoon, repairLate = time.Second, 5 * time.Minute
)

// write records every outage that changed. What fails is tried again at the next tick. If we crash between Record and noting it, a new outage is written a
// second time: one row too many, closed with the other.
func (s *Sentinel) write(ctx context.Context) {
	s.mu.Lock()
	entries := s.judge.unwritten()
	s.mu.Unlock()
	for _, e := range entries {
		s.mu.Lock()
		o, revision := s.judge.shown(e), e.revision
		s.mu.Unlock()
		writing, cancel := context.WithTimeout(ctx, recordWithin)
		id, err := s.config.Record(writing, o)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.config.Log.WarnContext(ctx, "outage not recorded", "instance", s.config.Instance, "began", o.Began, "error", err)
			}
			return
		}
		s.mu.Lock()
		s.judge.written(e, id, revision)
		s.mu.Unlock()
	}
}

// repairs closes the holes that outages leave, one after the other, until ctx ends. If we crash after Repair and before its record, the next start repairs
// again, and finds nothing.
func (s *Sentinel) repairs(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = repairSoon, repairLate
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.mend:
		}
		if err := s.repair(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.WarnContext(ctx, "hole not closed", "instance", s.config.Instance, "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause.NextBackOff()):
			}
			continue
		}
		pause.Reset()
	}
}

func (s *Sentinel) repair(ctx context.Context) error {
	s.mu.Lock()
	from, due := s.judge.toRepair()
	began := s.config.Now()
	s.mu.Unlock()
	if !due {
		return nil
	}
	objects, err := s.config.Repair(ctx, from)
	s.metrics.repaired.Add(float64(objects))
	objects += s.repaired
	if s.repaired = objects; err != nil {
		return err
	}
	s.repaired = 0
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := s.judge.repaired(began, s.config.Now(), objects)
	s.config.Log.InfoContext(ctx, "hole closed", "instance", s.config.Instance, "from", from, "outages", closed, "objects", objects)
	return nil
}
