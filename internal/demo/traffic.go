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
func (s *Stack) Traffic(ctx context.Context, rate float64) error {
	const steps = 1000
	c := s.delivery()
	c.Rate = rate
	for ; ctx.Err() == nil; c.Seed++ {
		if err := Deliver(ctx, c, s.Clerk().Next); err != nil {
			return err
		}
		s.Clerk().Continue(steps)
	}
	return ctx.Err()
}

// Courier tells directed changes when they are made, until ctx ends: who removes a member must not wait for a traffic's pace.
func Courier(ctx context.Context, c clerksim.SenderConfig, clerk *clerksim.Clerk) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clerk.Directed():
		}
		if err := Deliver(ctx, c, clerk.NextDirected); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// delivery is without faults; retries, which there are when ingest says 503, come soon.
func (s *Stack) delivery() clerksim.SenderConfig {
	return clerksim.SenderConfig{URL: s.WebhookURL(), Secret: s.Secret, Compress: compress}
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
