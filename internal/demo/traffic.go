package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// settleTimeout bounds the wait for the last row.
const settleTimeout = time.Minute

// Settle waits until the projector has committed everything that the stream holds now.
func (s *Stack) Settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	info, err := s.Stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for s.committed.Load() < info.State.LastSeq {
		select {
		case <-ctx.Done():
			return fmt.Errorf("projector is at %d of %d: %w", s.committed.Load(), info.State.LastSeq, ctx.Err())
		case <-poll.C:
		}
	}
	return nil
}

// Found tells the founding of the stack's Clerk as quickly as ingest takes it, and returns when its rows are committed.
func (s *Stack) Found(ctx context.Context) error {
	if err := Deliver(ctx, s.delivery(), s.Clerk().NextFounding); err != nil {
		return err
	}
	return s.Settle(ctx)
}

// Traffic tells what goes on in the stack's Clerk, so many deliveries a second, until ctx ends. Where its history ends it goes on.
// What the endpoint refuses through all retries, or misses while it is off, is lost, as it would be at Svix: the Clerk counts it.
func (s *Stack) Traffic(ctx context.Context, rate float64) error {
	const steps = 1000
	c := s.delivery()
	c.Rate = rate
	return post(ctx, c, func() (clerksim.Message, bool) {
		m, ok := s.Clerk().Next()
		if !ok {
			s.Clerk().Continue(steps)
			m, ok = s.Clerk().Next()
		}
		return m, ok
	})
}

// Courier tells directed changes when they are made, until ctx ends: who removes a member must not wait for a traffic's pace, nor behind what the
// endpoint has refused before.
func Courier(ctx context.Context, c clerksim.SenderConfig, clerk *clerksim.Clerk) error {
	c.More = clerk.Directed()
	if err := post(ctx, c, clerk.NextDirected); ctx.Err() == nil {
		return err
	}
	return nil
}

// delivery goes where the Clerk's endpoint is, without faults of its own.
func (s *Stack) delivery() clerksim.SenderConfig {
	return clerksim.SenderConfig{Endpoint: s.Clerk().Endpoint, Compress: s.config.Compress}
}

// Deliver sends all that next has, and fails where something was given up.
func Deliver(ctx context.Context, c clerksim.SenderConfig, next func() (clerksim.Message, bool)) error {
	sender, err := clerksim.NewSender(c)
	if err != nil {
		return err
	}
	report, err := sender.Send(ctx, next)
	if err == nil && report.GivenUp > 0 {
		err = fmt.Errorf("%d messages were given up", report.GivenUp)
	}
	return err
}

// post is Deliver for a Clerk that lives on whatever is lost.
func post(ctx context.Context, c clerksim.SenderConfig, next func() (clerksim.Message, bool)) error {
	sender, err := clerksim.NewSender(c)
	if err != nil {
		return err
	}
	_, err = sender.Send(ctx, next)
	return err
}
