package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

// checkpoint is the position in the stream up to which everything is in the tables, and which stream that is.
type checkpoint struct {
	sequence  uint64
	messageID string
	// created is the stream's creation time; zero before the first batch.
	created time.Time
}

// loadCheckpoint reads the position, and with it the generation's state, which may have changed while this session waited for the lock.
func (s *session) loadCheckpoint(ctx context.Context) (c checkpoint, err error) {
	var created *time.Time
	err = s.conn.QueryRow(ctx, `
select c.sequence, c.message_id, c.stream_created_at, g.state
from clerkstream.checkpoints c
join clerkstream.generations g using (service, generation)
where c.service = $1 and c.generation = $2`, s.config.Service, s.generation.number).Scan(&c.sequence, &c.messageID, &created, &s.generation.state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return c, errRetired
	case err != nil:
		return c, fmt.Errorf("read checkpoint of %s generation %d: %w", s.config.Service, s.generation.number, err)
	}
	if created != nil {
		c.created = *created
	}
	return c, nil
}

// liveAndLetters tells whether readers see a generation, and whether it has open dead letters: a retry or a replay closes and opens some behind the
// back of the session that leads.
const liveAndLetters = `
select g.state = 'live', exists (select from clerkstream.dead_letters l where l.service = $1 and l.generation = $2 and l.closed_at is null)
from clerkstream.generations g
where g.service = $1 and g.generation = $2`

// moveCheckpoint is what every transaction does first. It compares and sets in one: if another projector moved the checkpoint since this session
// read it, no row matches and the transaction must not go on. If we crash behind it, it never happened.
//
// It also tells whether readers see this generation. That is a statement of its own, with a snapshot of its own: the first one may have waited for
// a switch, which holds both checkpoints.
func (s *session) moveCheckpoint(ctx context.Context, tx pgx.Tx, to checkpoint) (live bool, err error) {
	from := int64(s.at.sequence)
	compare := `and sequence = $3`
	if s.config.switches.unfenced {
		compare = `and $3::bigint is not null`
	}
	var two pgx.Batch
	two.Queue(`
update clerkstream.checkpoints
set sequence = $4, message_id = $5, stream_created_at = $6, updated_at = now()
where service = $1 and generation = $2 `+compare,
		s.config.Service, s.generation.number, from, int64(to.sequence), to.messageID, to.created)
	two.Queue(liveAndLetters, s.config.Service, s.generation.number)
	answers := tx.SendBatch(ctx, &two)
	defer func() { _ = answers.Close() }()
	tag, err := answers.Exec()
	if err != nil {
		return false, fmt.Errorf("move checkpoint to %d: %w", to.sequence, err)
	}
	if tag.RowsAffected() != 1 {
		return false, fmt.Errorf("%w: it is no longer at %d", errFenced, from)
	}
	if err := answers.QueryRow().Scan(&live, &s.lettersOpen); err != nil {
		return false, fmt.Errorf("read state of generation %d: %w", s.generation.number, err)
	}
	return live, nil
}

// checkLog makes sure that the stream is the one the checkpoint stands for. A consumer that starts behind a stream's end gets no error and no
// messages, and after a loss the stream hands out the lost numbers again: both would pass in silence.
func (s *session) checkLog(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	stream, err := broker.Open(ctx, s.js, s.config.Instance)
	if err != nil {
		return nil, s.orDenied(err)
	}
	info := stream.CachedInfo()
	if err := s.start.matches(info); err != nil {
		return nil, err
	}
	s.metrics.streamAt(info.State.LastSeq)
	if s.start.created.IsZero() {
		s.start.created = info.Created
	}
	return stream, s.checkLastMessage(ctx, stream)
}

// matches compares what the stream says about itself with what the checkpoint remembers.
func (c checkpoint) matches(info *jetstream.StreamInfo) error {
	switch {
	// Postgres keeps microseconds.
	case !c.created.IsZero() && !c.created.Truncate(time.Microsecond).Equal(info.Created.Truncate(time.Microsecond)):
		return fmt.Errorf("%w: it was created at %s, the checkpoint's at %s", ErrLogIdentity,
			info.Created.UTC().Format(time.RFC3339), c.created.UTC().Format(time.RFC3339))
	case c.sequence > info.State.LastSeq:
		return fmt.Errorf("%w: it ends at %d, the checkpoint is at %d", ErrLogIdentity, info.State.LastSeq, c.sequence)
	}
	return nil
}

// checkLastMessage compares the last applied message with what now lies at its place. A hole there is normal: erased, or expired.
func (s *session) checkLastMessage(ctx context.Context, stream jetstream.Stream) error {
	if s.start.sequence == 0 || s.start.messageID == "" {
		return nil
	}
	m, err := stream.GetMsg(ctx, s.start.sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return s.orDenied(fmt.Errorf("read message %d of %s: %w", s.start.sequence, s.stream, err))
	}
	if id := m.Header.Get(events.HeaderMessageID); id != s.start.messageID {
		return fmt.Errorf("%w: message %d is %s and was %s", ErrLogIdentity, s.start.sequence, id, s.start.messageID)
	}
	return nil
}

// orDenied prefers the broker's refusal, if there was one, to the time-out that it shows as.
func (s *session) orDenied(err error) error {
	select {
	case denied := <-s.denied:
		return denied
	default:
		return err
	}
}
