package projector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
)

// Everywhere, as a read model's name, stands for letters of messages that no read model could have: their name on record is empty.
const Everywhere = "*"

// LetterFilter chooses dead letters of one generation. Its zero value is all open letters of the live one.
type LetterFilter struct {
	// Generation is a number, or 0 for the live one. These projections must have made it.
	Generation int
	// ReadModel is a read model's name, or Everywhere, or empty for any.
	ReadModel string
	// Reason is a class of failures: decode, refused_22P05, or refused for all that Postgres refused. Empty is any.
	Reason string
	// Sequence is that of one message, or 0 for any.
	Sequence uint64
	// All includes the letters that are closed.
	All bool
	// Limit bounds the letters that are listed; 0 does not.
	Limit int
}

// DeadLetter is the record of a message that could not become a row. Nothing in it was in the message's body.
type DeadLetter struct {
	Generation int    `json:"generation"`
	ReadModel  string `json:"read_model"`
	Sequence   uint64 `json:"sequence"`
	Subject    string `json:"subject"`
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	EntityID   string `json:"entity_id"`
	Version    string `json:"version"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
	// Attempts counts the first failure and every one since.
	Attempts      int        `json:"attempts"`
	FirstFailedAt time.Time  `json:"first_failed_at"`
	LastFailedAt  time.Time  `json:"last_failed_at"`
	ClosedAt      *time.Time `json:"closed_at,omitempty"`
	// ClosedAs is superseded, retried or discarded; empty while the letter is open.
	ClosedAs     string `json:"closed_as,omitempty"`
	ClosedReason string `json:"closed_reason,omitempty"`
}

// LetterGroup counts the letters of one class of failures in one read model.
type LetterGroup struct {
	ReadModel string    `json:"read_model"`
	Reason    string    `json:"reason"`
	Open      int       `json:"open"`
	Closed    int       `json:"closed"`
	Oldest    time.Time `json:"oldest"`
	Newest    time.Time `json:"newest"`
}

// Errors of what is asked of dead letters.
var (
	// ErrNoLetter: there is none like this, or none that is open.
	ErrNoLetter = errors.New("no such dead letter is open")
	// ErrNoReason: a letter is not given up without saying why.
	ErrNoReason = errors.New("say why")
	// ErrNotChosen: a decision about letters names a message, a read model or a reason.
	ErrNotChosen = errors.New("name a sequence, a read model or a reason")
)

// where is the filter as a condition on table l, with its arguments from $1 on.
func (f LetterFilter) where(service string, generation int) (condition string, args []any) {
	class := strings.TrimSuffix(f.Reason, "_") + "_"
	return `l.service = $1 and l.generation = $2
  and ($3 = '' or l.read_model = case when $3 = '*' then '' else $3 end)
  and ($4 = '' or l.reason = $4 or starts_with(l.reason, $5))
  and ($6::bigint = 0 or l.sequence = $6)
  and ($7 or l.closed_at is null)`, []any{service, generation, f.ReadModel, f.Reason, class, int64(f.Sequence), f.All}
}

const letterColumns = `l.generation, l.read_model, l.sequence, l.subject, l.event_id, l.event_type, l.entity_id, l.version, l.reason, l.detail,
  l.attempts, l.first_failed_at, l.last_failed_at, l.closed_at, coalesce(l.closed_as, ''), l.closed_reason`

// DeadLetters lists the letters that the filter chooses, by entity and sequence, and counts them by read model and reason. The limit is not the counts'.
func (o *Operator) DeadLetters(ctx context.Context, filter LetterFilter) (groups []LetterGroup, letters []DeadLetter, err error) {
	g, err := o.keptGeneration(ctx, filter.Generation)
	if err != nil {
		return nil, nil, err
	}
	conn, err := o.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	condition, args := filter.where(o.config.Service, g.number)
	rows, err := conn.Query(ctx, `
select l.read_model, l.reason, count(*) filter (where l.closed_at is null), count(*) filter (where l.closed_at is not null),
  min(l.first_failed_at), max(l.last_failed_at)
from clerkstream.dead_letters l
where `+condition+`
group by l.read_model, l.reason
order by count(*) desc, l.read_model, l.reason`, args...)
	if err == nil {
		groups, err = pgx.CollectRows(rows, pgx.RowToStructByPos[LetterGroup])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("count dead letters: %w", err)
	}
	letters, err = readLetters(ctx, conn, filter, o.config.Service, g.number)
	return groups, letters, err
}

func readLetters(ctx context.Context, q queryer, filter LetterFilter, service string, generation int) ([]DeadLetter, error) {
	condition, args := filter.where(service, generation)
	rows, err := q.Query(ctx, `
select `+letterColumns+`
from clerkstream.dead_letters l
where `+condition+`
order by l.entity_id, l.sequence, l.read_model
limit nullif($8, 0)`, append(args, filter.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return letters, nil
}

// LetterMessage is the message behind a letter as it lies on the stream.
type LetterMessage struct {
	Headers map[string][]string `json:"headers"`
	Body    []byte              `json:"-"`
}

// ErrGone is returned when a letter's message was erased or has expired: nothing is left to retry, and the letter can only be discarded.
var ErrGone = errors.New("message is no longer on the stream")

// LetterMessage reads the message that a letter is about. Headers name the event and hold no personal data; the body does.
func (o *Operator) LetterMessage(ctx context.Context, letter DeadLetter) (LetterMessage, error) {
	s, stream, err := o.attachTo(ctx, letter.Generation)
	if err != nil {
		return LetterMessage{}, err
	}
	defer s.close(ctx)
	m, err := s.getMessage(ctx, stream, letter.Sequence)
	if err != nil {
		return LetterMessage{}, err
	}
	return LetterMessage{m.Header, m.Data}, nil
}

func (s *session) getMessage(ctx context.Context, stream jetstream.Stream, sequence uint64) (*jetstream.RawStreamMsg, error) {
	m, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("message %d: %w", sequence, ErrGone)
	}
	if err != nil {
		return nil, s.orDenied(fmt.Errorf("read message %d of %s: %w", sequence, s.stream, err))
	}
	return m, nil
}

// Discard gives up the open letters that the filter chooses and keeps why: the letters stay on record for ever. It returns how many they were, and
// fails with ErrNoReason, ErrNotChosen or ErrNoLetter, giving up none.
func (o *Operator) Discard(ctx context.Context, filter LetterFilter, because string) (discarded int, err error) {
	if because = strings.TrimSpace(because); because == "" {
		return 0, ErrNoReason
	}
	if !filter.chooses() {
		return 0, ErrNotChosen
	}
	g, err := o.keptGeneration(ctx, filter.Generation)
	if err != nil {
		return 0, err
	}
	conn, err := o.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	filter.All = false
	condition, args := filter.where(o.config.Service, g.number)
	tag, err := conn.Exec(ctx, `
update clerkstream.dead_letters l
set closed_at = now(), closed_as = 'discarded', closed_reason = $8
where `+condition, append(args, because)...)
	switch {
	case err != nil:
		return 0, fmt.Errorf("discard dead letters: %w", err)
	case tag.RowsAffected() == 0:
		return 0, ErrNoLetter
	}
	return int(tag.RowsAffected()), nil
}

func (f LetterFilter) chooses() bool { return f.Sequence > 0 || f.ReadModel != "" || f.Reason != "" }
