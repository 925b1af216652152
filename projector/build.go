package projector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/projections"
)

// Progress is how far a long work on the stream has come. Sequence is of the stream, End where it ends for this work; Entities have a survivor so far.
type Progress struct {
	Sequence, End uint64
	Entities      int
}

const (
	// buildSilence is how long a builder may say nothing to Postgres.
	buildSilence = time.Minute
	// buildTail is how many messages may be left when a build ends: the follower that takes over is through with them in a moment.
	buildTail = 5_000
	// chunkRows is the number of rows that are decoded, copied and forgotten together.
	chunkRows = 5_000
)

// build folds the whole stream into the bare tables of a generation and makes it ready. It goes on where an earlier build of the same generation
// ended: each flush moves the checkpoint with its rows, and later flushes go through the version gate. The caller holds the generation's lock.
func (s *session) build(ctx context.Context, stream jetstream.Stream, report func(Progress)) error {
	// Folding is silent towards Postgres. Nobody waits for this lock, so a builder that was stopped may keep it longer than a leader.
	if err := s.allowSilence(ctx, buildSilence); err != nil {
		return err
	}
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", s.stream, err)
		}
		before := s.at.sequence
		if err := s.foldUpTo(ctx, stream, info.State.LastSeq, report); err != nil {
			return err
		}
		if s.at.sequence == before || info.State.LastSeq-before <= buildTail {
			return s.makeReady(ctx)
		}
	}
}

// allowSilence sets after how long without a word Postgres ends this session.
func (s *session) allowSilence(ctx context.Context, d time.Duration) error {
	ms := d.Milliseconds()
	_, err := s.conn.Exec(ctx, fmt.Sprintf(`set idle_session_timeout = %d; set idle_in_transaction_session_timeout = %d`, ms, ms))
	if err != nil {
		return fmt.Errorf("set idle timeouts: %w", err)
	}
	return nil
}

// foldUpTo folds from the checkpoint to end, and writes whenever the survivors outgrow their memory.
func (s *session) foldUpTo(ctx context.Context, stream jetstream.Stream, end uint64, report func(Progress)) error {
	v := newSurvivors(s)
	to := s.at
	pinged := s.config.Now()
	err := s.readRange(ctx, stream, s.at.sequence+1, end, func(m *message) error {
		v.add(m)
		to.sequence, to.messageID, to.created = m.sequence, m.id, s.start.created
		if v.bytes() >= s.config.FoldBytes {
			if err := s.flush(ctx, stream, v, to); err != nil {
				return err
			}
			v = newSurvivors(s)
		}
		if m.sequence%1024 != 0 {
			return nil
		}
		if report != nil {
			report(Progress{Sequence: m.sequence, End: end, Entities: v.entities()})
		}
		if now := s.config.Now(); now.Sub(pinged) > pingEvery {
			pinged = now
			return s.ping(ctx)
		}
		return nil
	})
	if err != nil || v.read == 0 {
		return err
	}
	if err := s.flush(ctx, stream, v, to); err != nil {
		return err
	}
	if report != nil {
		report(Progress{Sequence: to.sequence, End: end})
	}
	return nil
}

// flush writes the survivors in one transaction with the checkpoint: whoever goes on after a crash finds all of them or none.
func (s *session) flush(ctx context.Context, stream jetstream.Stream, v *survivors, to checkpoint) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `set local role `+projections.RoleOwner); err != nil {
		return refused(fmt.Errorf("become owner: %w", err), "grant "+projections.RoleOwner+" to the login")
	}
	if _, err := s.moveCheckpoint(ctx, tx, to); err != nil {
		return err
	}
	if err := s.store(ctx, tx, stream, v, to); err != nil {
		return err
	}
	s.config.switches.step("loading")
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit up to %d: %w", to.sequence, err)
	}
	s.at = to
	s.config.switches.step("loaded")
	return nil
}

// store puts the survivors into the generation's tables; those that cannot be rows, and whatever comes into their place, in a second round.
func (s *session) store(ctx context.Context, tx pgx.Tx, stream jetstream.Stream, v *survivors, to checkpoint) error {
	left := v.rejected
	for p := range s.config.Projections {
		rest, err := s.loadModel(ctx, tx, p, v)
		if err != nil {
			return err
		}
		left = append(left, rest...)
	}
	if len(left) == 0 {
		return nil
	}
	b, err := s.secondRound(ctx, stream, left, to)
	if err != nil {
		return err
	}
	_, _, err = s.putIsolated(ctx, tx, b)
	return err
}

// secondRound is a batch of the messages that were left and all others of their entities: where a survivor cannot be a row, the next best is.
func (s *session) secondRound(ctx context.Context, stream jetstream.Stream, left []*message, to checkpoint) (*batch, error) {
	b := &batch{to: to}
	there := map[uint64]bool{}
	add := func(m *message) {
		if !there[m.sequence] {
			there[m.sequence] = true
			b.messages = append(b.messages, m)
		}
	}
	for _, m := range left {
		add(m)
	}
	asked := map[[2]string]bool{}
	for _, m := range left {
		key := [2]string{m.event.Object, m.event.EntityID}
		if m.event.EntityID == "" || asked[key] {
			continue
		}
		asked[key] = true
		history, err := s.entityHistory(ctx, stream, m.event.Object, m.event.EntityID, to.sequence)
		if err != nil {
			return nil, err
		}
		for _, h := range history {
			add(h)
		}
	}
	slices.SortFunc(b.messages, func(a, b *message) int { return cmp.Compare(a.sequence, b.sequence) })
	return b, nil
}

// putIsolated brings a batch into the tables inside tx, putting aside what Postgres refuses, and tells what changed.
func (s *session) putIsolated(ctx context.Context, tx pgx.Tx, b *batch) (done Commit, changes *feed, err error) {
	for {
		s.fold(b)
		done, changes = Commit{}, newFeed(s.generation.number, b.to.sequence, s.config.Now())
		err = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { return s.put(ctx, inner, b, &done, changes) })
		if err == nil || causeOf(err) != causeMessage {
			return done, changes, err
		}
		found, isolateErr := s.isolate(ctx, tx, b)
		if isolateErr != nil || !found {
			return done, changes, cmp.Or(isolateErr, err)
		}
	}
}

// makeReady gives the loaded tables everything else they need, all at once.
func (s *session) makeReady(ctx context.Context) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// An index over everything takes as long as it takes; nobody waits for these tables.
	if _, err := tx.Exec(ctx, `set local statement_timeout = 0; set local role `+projections.RoleOwner); err != nil {
		return refused(fmt.Errorf("become owner: %w", err), "grant "+projections.RoleOwner+" to the login")
	}
	if err := s.expose(ctx, tx, s.generation, viewsSchema(s.config.Schema, s.generation.number)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update clerkstream.generations set state = 'ready' where service = $1 and generation = $2`,
		s.config.Service, s.generation.number); err != nil {
		return fmt.Errorf("make generation %d ready: %w", s.generation.number, err)
	}
	s.config.switches.step("exposing")
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("make generation %d ready: %w", s.generation.number, err)
	}
	s.generation.state = stateReady
	s.config.switches.step("ready")
	s.config.Log.InfoContext(ctx, "projector: generation is ready", "service", s.config.Service, "generation", s.generation.number,
		"sequence", s.at.sequence, "at", s.config.Now().UTC().Format(time.RFC3339))
	return nil
}
