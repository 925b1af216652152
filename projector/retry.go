package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
)

// RetryOptions choose the open letters to retry; one is named by its sequence, a class by its reason or its read model. All in the filter counts for
// nothing.
type RetryOptions struct {
	LetterFilter
	// DryRun does everything and rolls it back.
	DryRun bool
}

// Retried is what became of some letters.
type Retried struct {
	Generation int `json:"generation"`
	// Letters are as they are afterwards: closed as retried or as superseded, or open with one more attempt.
	Letters []DeadLetter `json:"letters"`
	// Gone are those whose message was erased or has expired. They stay as they were: they can only be discarded.
	Gone []DeadLetter `json:"gone,omitempty"`
	// Changes are the rows that changed. They hold personal data: see RowChange.Masked.
	Changes []RowChange `json:"changes"`
}

// retryLetters is how many letters are retried in one transaction, about: letters of one entity stay together.
const retryLetters = 500

// Retry reads the messages of dead letters again and applies them with today's code to the read model that each letter is of; one that no read model
// could have is applied to all. The version gate decides as ever: where a newer row is there, the letter is superseded. A letter that fails again stays
// open and says why. What a dry run changes and what the same retry changes is the same, but for what the projector does in between.
//
// It fails with ErrNotChosen or ErrNoLetter. Letters are retried in bounded transactions; those before an error are done.
func (o *Operator) Retry(ctx context.Context, options RetryOptions) (done Retried, err error) {
	if !options.chooses() {
		return done, ErrNotChosen
	}
	s, stream, err := o.attachTo(ctx, options.Generation)
	if err != nil {
		return done, err
	}
	defer s.close(ctx)
	done.Generation = s.generation.number
	options.All, options.Limit = false, 0
	letters, err := readLetters(ctx, s.conn, options.LetterFilter, o.config.Service, s.generation.number)
	if err != nil {
		return done, err
	}
	if len(letters) == 0 {
		return done, ErrNoLetter
	}
	for from := 0; from < len(letters); {
		to := min(from+retryLetters, len(letters))
		for to < len(letters) && letters[to].EntityID != "" && letters[to].EntityID == letters[to-1].EntityID {
			to++
		}
		if err := s.retry(ctx, stream, letters[from:to], options.DryRun, &done); err != nil {
			return done, err
		}
		from = to
	}
	return done, nil
}

func (s *session) retry(ctx context.Context, stream jetstream.Stream, letters []DeadLetter, dry bool, into *Retried) error {
	b, gone, err := s.letterBatch(ctx, stream, letters)
	into.Gone = append(into.Gone, gone...)
	tried := slices.DeleteFunc(slices.Clone(letters), func(l DeadLetter) bool {
		return slices.ContainsFunc(gone, func(g DeadLetter) bool { return g.Sequence == l.Sequence })
	})
	if err != nil || len(b.messages) == 0 {
		return err
	}
	return s.held(ctx, dry, func(tx pgx.Tx, at checkpoint, live bool) error {
		// So that the same moment is the same text, whatever the server's zone.
		if _, err := tx.Exec(ctx, `set local timezone = 'UTC'`); err != nil {
			return fmt.Errorf("set time zone: %w", err)
		}
		before, err := s.rowsBehind(ctx, tx, b)
		if err != nil {
			return err
		}
		if _, err := s.reapply(ctx, tx, b, at, live); err != nil {
			return err
		}
		after, err := s.rowsBehind(ctx, tx, b)
		if err != nil {
			return err
		}
		changes, err := changesBetween(before, after)
		if err != nil {
			return err
		}
		now, err := s.lettersOf(ctx, tx, tried)
		if err != nil {
			return err
		}
		into.Changes = append(into.Changes, changes...)
		into.Letters = append(into.Letters, now...)
		return nil
	})
}

// letterBatch reads the letters' messages. Each is for the read models of its letters only: the others have it, and a log without a key would have it
// twice.
func (s *session) letterBatch(ctx context.Context, stream jetstream.Stream, letters []DeadLetter) (b *batch, gone []DeadLetter, err error) {
	b = &batch{}
	known := map[uint64]*message{}
	pinged := s.config.Now()
	for _, l := range letters {
		if now := s.config.Now(); now.Sub(pinged) > pingEvery {
			pinged = now
			if err := s.ping(ctx); err != nil {
				return b, gone, err
			}
		}
		m := known[l.Sequence]
		if m == nil {
			raw, err := s.getMessage(ctx, stream, l.Sequence)
			if errors.Is(err, ErrGone) {
				gone = append(gone, l)
				continue
			}
			if err != nil {
				return b, gone, err
			}
			m = parseMessage(raw.Subject, raw.Header, raw.Data, raw.Sequence)
			m.only = []int{}
			known[l.Sequence] = m
			b.add(m)
		}
		m.addressTo(s.modelsOf(l, m))
	}
	slices.SortFunc(b.messages, func(a, b *message) int { return int(a.sequence) - int(b.sequence) })
	return b, gone, nil
}

// modelsOf is the projections that a letter is of; nil is all that want its message.
func (s *session) modelsOf(l DeadLetter, m *message) []int {
	if l.ReadModel == "" {
		return nil
	}
	for _, p := range s.wants(&m.event, nil) {
		if s.config.Projections[p].Name() == l.ReadModel {
			return []int{p}
		}
	}
	return []int{}
}

func (m *message) addressTo(models []int) {
	if models == nil || m.only == nil {
		m.only = nil
		return
	}
	m.only = append(m.only, models...)
}

// rowsBehind reads the rows that the batch may change.
func (s *session) rowsBehind(ctx context.Context, tx pgx.Tx, b *batch) (rowsByKey, error) {
	found := rowsByKey{}
	for p, projection := range s.config.Projections {
		var keys []string
		for _, m := range b.messages {
			if projection.Wants(m.event.Object, m.event.Verb) && (m.only == nil || slices.Contains(m.only, p)) {
				keys = append(keys, m.event.EntityID, m.event.ID)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if err := s.rowsOf(ctx, tx, projection, keys, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// lettersOf reads letters as they are at this point of the transaction, with those that it opened for the same messages.
func (s *session) lettersOf(ctx context.Context, tx pgx.Tx, letters []DeadLetter) ([]DeadLetter, error) {
	var (
		models    []string
		sequences []int64
	)
	for _, l := range letters {
		models, sequences = append(models, l.ReadModel), append(sequences, int64(l.Sequence))
	}
	rows, err := tx.Query(ctx, `
select `+letterColumns+`
from clerkstream.dead_letters l
where l.service = $1 and l.generation = $2 and l.sequence = any($4) and (
  l.first_failed_at = now() or (l.read_model, l.sequence) in (select * from unnest($3::text[], $4::bigint[])))
order by l.entity_id, l.sequence, l.read_model`, s.config.Service, s.generation.number, models, sequences)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	now, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return now, nil
}

// Failed are the letters that stay open.
func (r *Retried) Failed() (open []DeadLetter) {
	return slices.DeleteFunc(slices.Clone(r.Letters), func(l DeadLetter) bool { return l.ClosedAs != "" })
}

// counted says how many letters became what: "3 retried, 1 superseded".
func (r *Retried) counted() string {
	var parts []string
	for _, as := range []string{"retried", "superseded", ""} {
		n := 0
		for _, l := range r.Letters {
			if l.ClosedAs == as {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, orOpen(as)))
		}
	}
	if len(r.Gone) > 0 {
		parts = append(parts, fmt.Sprintf("%d without a message", len(r.Gone)))
	}
	return strings.Join(parts, ", ")
}

func orOpen(as string) string {
	if as == "" {
		return "still open"
	}
	return as
}
