package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// reapplied is what one transaction over old messages did.
type reapplied struct {
	Commit
	closed int // letters
}

// again applies messages that lie at or before the checkpoint once more.
func (s *session) again(ctx context.Context, b *batch, dry bool) (a reapplied, err error) {
	return a, s.held(ctx, dry, func(tx pgx.Tx, at checkpoint, live bool) (err error) {
		a, err = s.reapply(ctx, tx, b, at, live)
		return err
	})
}

// held runs do in a transaction that holds the checkpoint. If we crash before its end nothing of it happened; a dry one never happens.
func (s *session) held(ctx context.Context, dry bool, do func(tx pgx.Tx, at checkpoint, live bool) error) error {
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	at, live, err := s.hold(ctx, tx)
	if err != nil {
		return err
	}
	if err := do(tx, at, live); err != nil || dry {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// hold keeps the generation's checkpoint where it is until the transaction ends: the running projector, and a switch, wait. What it tells of the
// generation comes by a statement with a snapshot of its own, for the first one may have waited for a switch.
func (s *session) hold(ctx context.Context, tx pgx.Tx) (at checkpoint, live bool, err error) {
	err = tx.QueryRow(ctx, `select sequence, message_id from clerkstream.checkpoints where service = $1 and generation = $2 for update`,
		s.config.Service, s.generation.number).Scan(&at.sequence, &at.messageID)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, false, errRetired
	}
	if err == nil {
		err = tx.QueryRow(ctx, liveAndLetters, s.config.Service, s.generation.number).Scan(&live, &s.lettersOpen)
	}
	if err != nil {
		return at, false, fmt.Errorf("hold generation %d: %w", s.generation.number, err)
	}
	return at, live, nil
}

// reapply brings the batch into the tables, closes the letters whose cause is gone, and tells readers of live rows that changed.
func (s *session) reapply(ctx context.Context, tx pgx.Tx, b *batch, at checkpoint, live bool) (a reapplied, err error) {
	// The change feed tells of the position that readers see, which is not that of these old messages.
	b.to = at
	done, changes, err := s.putIsolated(ctx, tx, b)
	if err != nil {
		if causeOf(err) == causeStructure {
			err = fmt.Errorf("%w: %w", ErrStructure, err)
		}
		return a, err
	}
	a.Commit = done
	if a.closed, err = s.settle(ctx, tx, b); err != nil {
		return a, err
	}
	if !live {
		return a, nil
	}
	return a, changes.send(ctx, tx, s.config.Schema)
}

// settle closes the open letters of the batch's messages: as superseded where the entity has a newer row, whether the message passed or not, and as
// retried where it passed.
func (s *session) settle(ctx context.Context, tx pgx.Tx, b *batch) (closed int, err error) {
	for p, projection := range s.config.Projections {
		var tried, passed []int64
		for _, m := range b.messages {
			if m.rejected[everywhere].reason != "" || !projection.Wants(m.event.Object, m.event.Verb) || m.only != nil && !slices.Contains(m.only, p) {
				continue
			}
			tried = append(tried, int64(m.sequence))
			if m.rejected[p].reason == "" {
				passed = append(passed, int64(m.sequence))
			}
		}
		if projection.Kind() == projections.KindState {
			newer := pgx.Identifier{s.generation.tables, projection.Name()}.Sanitize()
			n, err := s.closeLetters(ctx, tx, projection.Name(), tried, "superseded",
				`exists (select from `+newer+` t where t.id = l.entity_id and t.version > l.version)`)
			if err != nil {
				return closed, err
			}
			closed += n
		}
		n, err := s.closeLetters(ctx, tx, projection.Name(), passed, "retried", `true`)
		if err != nil {
			return closed, err
		}
		closed += n
	}
	n, err := s.settleEverywhere(ctx, tx, b)
	return closed + n, err
}

// settleEverywhere does it for the letters of no read model of their own: messages that could not be read, and now can. Where the message fails in
// one read model, that one has a letter of its own by now.
func (s *session) settleEverywhere(ctx context.Context, tx pgx.Tx, b *batch) (closed int, err error) {
	var overtaken, passed []int64
	for _, m := range b.messages {
		if m.rejected[everywhere].reason != "" || m.only != nil {
			continue
		}
		wanting := s.wants(&m.event, nil)
		newer := len(wanting) > 0
		for _, p := range wanting {
			if is, err := s.overtaken(ctx, tx, p, m); err != nil {
				return closed, err
			} else if !is {
				newer = false
				break
			}
		}
		if newer {
			overtaken = append(overtaken, int64(m.sequence))
		} else {
			passed = append(passed, int64(m.sequence))
		}
	}
	if closed, err = s.closeLetters(ctx, tx, "", overtaken, "superseded", `true`); err != nil {
		return closed, err
	}
	n, err := s.closeLetters(ctx, tx, "", passed, "retried", `true`)
	return closed + n, err
}

func (s *session) closeLetters(ctx context.Context, tx pgx.Tx, readModel string, sequences []int64, as, where string) (closed int, err error) {
	if len(sequences) == 0 || !s.lettersOpen {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, `
update clerkstream.dead_letters l
set closed_at = now(), closed_as = $5
where l.service = $1 and l.generation = $2 and l.read_model = $3 and l.sequence = any($4) and l.closed_at is null and `+where,
		s.config.Service, s.generation.number, readModel, sequences, as)
	if err != nil {
		return 0, fmt.Errorf("close dead letters of %q: %w", readModel, err)
	}
	return int(tag.RowsAffected()), nil
}
