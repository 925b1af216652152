package projector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// finishTimeout is how long the transaction in hand may go on after a stop was asked for.
const finishTimeout = 10 * time.Second

// write commits one prepared batch after the other. Between batches it pings, so that Postgres can tell an idle leader from a stopped one.
func (s *session) write(ctx context.Context, b *budget, in <-chan *batch) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ping.C:
			if err := s.ping(ctx); err != nil {
				return err
			}
		case next, open := <-in:
			if !open {
				return ctx.Err()
			}
			if err := s.finish(ctx, next); err != nil {
				return err
			}
			b.Release(next.bytes)
		}
	}
}

func (s *session) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping postgres: %w", err)
	}
	return nil
}

// finish commits the batch even when ctx ends meanwhile: throwing away a transaction that is almost done would only repeat it.
func (s *session) finish(ctx context.Context, b *batch) error {
	bounded, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-bounded.Done():
		case <-time.After(finishTimeout):
			cancel()
		}
	})
	defer stop()
	began := s.config.Now()
	done, err := s.apply(bounded, b)
	if err != nil {
		return err
	}
	s.at = b.to
	s.metrics.committed(done, s.config.Now().Sub(began))
	if s.config.Observe != nil {
		s.config.Observe(done)
	}
	return nil
}

// apply brings the batch into the tables. When Postgres refuses it for what is in it, the messages to blame are found, put aside, and the
// batch is folded again without them, until it passes: each round puts at least one message aside, so it ends.
func (s *session) apply(ctx context.Context, b *batch) (Commit, error) {
	for {
		done, err := s.transact(ctx, b)
		if err == nil {
			return done, nil
		}
		switch causeOf(err) {
		case causeTransient:
			return done, err
		case causeStructure:
			return done, fmt.Errorf("%w: %w", ErrStructure, err)
		}
		found, isolateErr := s.isolate(ctx, s.conn, b)
		if isolateErr != nil {
			return done, isolateErr
		}
		if !found {
			// Each message passes on its own, so no message is to blame, and none may be put aside for it.
			return done, err
		}
		s.fold(b)
	}
}

// transact is the transaction: position, rows, dead letters and the notice of them, all or nothing.
func (s *session) transact(ctx context.Context, b *batch) (Commit, error) {
	done := Commit{Generation: s.generation.number, Sequence: b.to.sequence, Messages: len(b.messages), Skipped: b.skipped, Duplicates: b.duplicates, Stale: b.stale}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return done, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	live, err := s.moveCheckpoint(ctx, tx, b.to)
	if err != nil {
		return done, err
	}
	feed := newFeed(s.generation.number, b.to.sequence, s.config.Now())
	if err := s.put(ctx, tx, b, &done, feed); err != nil {
		return done, err
	}
	if live {
		if err := feed.send(ctx, tx, s.config.Schema); err != nil {
			return done, err
		}
	}
	done.Received = b.received()
	// If we crash behind this line the batch is either wholly there or not at all; the next session reads which.
	if err := s.config.switches.commit(ctx, tx); err != nil {
		return done, fmt.Errorf("commit up to %d: %w", b.to.sequence, err)
	}
	done.At = s.config.Now()
	return done, nil
}

// put brings the batch's rows and dead letters into the tables.
func (s *session) put(ctx context.Context, tx pgx.Tx, b *batch, done *Commit, feed *feed) error {
	for i, p := range s.config.Projections {
		rows := b.rows[i]
		if len(rows) == 0 {
			continue
		}
		outcome, err := p.Write(ctx, tx, s.generation.tables, rows)
		if err != nil {
			return fmt.Errorf("project %s up to %d: %w", p.Name(), b.to.sequence, err)
		}
		done.add(outcome, rows)
		feed.changed(p.Name(), outcome.Applied, rows)
		if err := s.supersede(ctx, tx, p, outcome.Applied); err != nil {
			return err
		}
	}
	letters, err := s.bury(ctx, tx, b)
	done.DeadLetters += letters
	return err
}

func (c *Commit) add(o projections.Outcome, rows []projections.Row) {
	c.Applied += len(o.Applied)
	c.Duplicates += o.Duplicates
	c.Stale += o.Stale
	for i := range rows {
		c.Sanitised += rows[i].Sanitised
	}
}

// beginner is a connection, or a transaction that begins one inside itself.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// isolate finds the messages that Postgres refuses on their own, by halving under savepoints in a transaction that is never committed. It costs
// about log2(rows) statements for each of them.
func (s *session) isolate(ctx context.Context, on beginner, b *batch) (found bool, err error) {
	tx, err := on.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin to isolate: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for p := range s.config.Projections {
		if err := s.halve(ctx, tx, b, p, 0, len(b.rows[p]), &found); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (s *session) halve(ctx context.Context, tx pgx.Tx, b *batch, p, from, to int, found *bool) error {
	if from == to {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := s.config.Projections[p].Write(ctx, savepoint, s.generation.tables, b.rows[p][from:to])
		return err
	})
	switch {
	case err == nil:
		return nil
	case causeOf(err) != causeMessage:
		return err
	case to-from == 1:
		m := b.messages[b.origin[p][from]]
		m.reject(p, refusedBy(err))
		*found = true
		return nil
	}
	middle := (from + to) / 2
	if err := s.halve(ctx, tx, b, p, from, middle, found); err != nil {
		return err
	}
	return s.halve(ctx, tx, b, p, middle, to, found)
}
