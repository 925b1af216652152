package subscribe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// Why a handler has a dead letter.
const (
	reasonFailed     = "failed"     // it failed at every delivery
	reasonPermanent  = "permanent"  // it said that no repetition helps
	reasonUnreadable = "unreadable" // the message is no event, or its data has not the shape of its type
	reasonNeverEnds  = "never_ends" // it was delivered over and over and no process lived to say what became of it
)

// DeadLetter is the record of an event that a handler could not cope with. It names the message on the stream; nothing in it was in the message's body,
// but Detail is the text of the handler's error.
type DeadLetter struct {
	Service       string
	Handler       string
	Stream        string
	Sequence      uint64
	Subject       string
	EventID       string
	EventType     string
	EntityID      string
	Reason        string // failed, permanent, unreadable or never_ends
	Detail        string
	Deliveries    int
	FirstFailedAt time.Time
	LastFailedAt  time.Time
}

// ErrGone says that a dead letter's message is no longer on the stream: it was erased or has expired. The letter can only be discarded.
var ErrGone = errors.New("message is no longer on the stream")

// letterTimeout bounds the writing of a letter.
const letterTimeout = 10 * time.Second

// maxDetail bounds a letter's detail, in bytes.
const maxDetail = 1000

// putAside writes one letter for each handler; the event is then done for them. When that fails, so does the event, and comes again: it is never lost.
func (g *Group) putAside(m *message.Message, handlers []Handler, reason string, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.Context()), letterTimeout)
	defer cancel()
	e, _ := EventOf(m) // of what is no event, what can be known
	s, _ := events.ParseSubject(m.Metadata[MetaSubject])
	for _, h := range handlers {
		// A letter that was closed is open again when a reset brings its event back and it fails again.
		_, err := g.config.Pool.Exec(ctx, `
insert into clerkstream.handler_letters as l
  (service, handler, stream, sequence, subject, event_id, event_type, entity_id, reason, detail, deliveries)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (service, handler, stream, sequence) do update
set reason = excluded.reason, detail = excluded.detail, deliveries = excluded.deliveries, last_failed_at = now(),
  closed_at = null, closed_as = null, closed_reason = ''`,
			g.config.Service, h.name, m.Metadata[MetaStream], int64(sequenceOf(m)), m.Metadata[MetaSubject], clean(e.ID), h.typ, s.EntityID, reason,
			clean(why.Error()), deliveriesOf(m))
		if err != nil {
			return fmt.Errorf("write dead letter of %s for message %d: %w", h.name, sequenceOf(m), err)
		}
		g.metrics.deadLetters.WithLabelValues(h.name, reason).Inc()
		g.config.Log.ErrorContext(ctx, "event became a dead letter", "service", g.config.Service, "handler", h.name, "event_id", e.ID,
			"event_type", h.typ, "sequence", sequenceOf(m), "reason", reason, "error", why)
	}
	return nil
}

// clean cuts a text to what a column takes.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "")
	}
	return s
}

// DeadLetters lists the service's open letters, oldest message first, at most limit of them; 0 is all.
func (g *Group) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	rows, err := g.config.Pool.Query(ctx, `
select service, handler, stream, sequence, subject, event_id, event_type, entity_id, reason, detail, deliveries, first_failed_at, last_failed_at
from clerkstream.handler_letters
where service = $1 and stream = $2 and closed_at is null
order by sequence, handler
limit nullif($3, 0)`, g.config.Service, g.stream, limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return letters, nil
}

// Retry runs the handlers of open letters again with their events from the stream, in the order given, and closes each letter whose handler succeeds.
// It returns how many that were. What fails again stays open and is part of the error, as is ErrGone. It may be called beside a running group, also by
// two processes at once: a letter is tried by one of them. A letter that is not open any more is skipped.
func (g *Group) Retry(ctx context.Context, letters ...DeadLetter) (closed int, err error) {
	stream, err := g.config.JetStream.Stream(ctx, g.stream)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", g.stream, err)
	}
	var failed []error
	for _, l := range letters {
		done, err := g.retry(ctx, stream, l)
		if err != nil {
			failed = append(failed, fmt.Errorf("retry %s for message %d: %w", l.Handler, l.Sequence, err))
		}
		if done {
			closed++
		}
	}
	return closed, errors.Join(failed...)
}

func (g *Group) retry(ctx context.Context, stream jetstream.Stream, l DeadLetter) (done bool, err error) {
	h, ok := g.handlerOf(l)
	if !ok {
		return false, errors.New("the service has no such handler")
	}
	event, err := storedEvent(ctx, stream, l.Sequence)
	if err != nil {
		return false, err
	}
	tx, err := g.config.Pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// The lock keeps a second Retry away. If we crash behind the handler, the letter is still open and the handler runs again at the next one.
	mine, err := tx.Exec(ctx, `
select from clerkstream.handler_letters
where service = $1 and handler = $2 and stream = $3 and sequence = $4 and closed_at is null
for update skip locked`, l.Service, l.Handler, l.Stream, int64(l.Sequence))
	if err != nil || mine.RowsAffected() == 0 {
		return false, err
	}
	if err := g.attempt(ctx, h, event); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `
update clerkstream.handler_letters set closed_at = now(), closed_as = 'retried'
where service = $1 and handler = $2 and stream = $3 and sequence = $4`, l.Service, l.Handler, l.Stream, int64(l.Sequence)); err != nil {
		return false, fmt.Errorf("close letter: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("close letter: %w", err)
	}
	return true, nil
}

func (g *Group) handlerOf(l DeadLetter) (Handler, bool) {
	for _, h := range g.byType[l.EventType] {
		if h.name == l.Handler {
			return h, true
		}
	}
	return Handler{}, false
}

func storedEvent(ctx context.Context, stream jetstream.Stream, sequence uint64) (any, error) {
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	e, err := events.FromMessage(raw.Subject, raw.Header, raw.Data)
	if err != nil {
		return nil, err
	}
	return events.Typed(&e)
}

// Discard gives letters up and keeps why, which must not be empty. It returns how many of them were open.
func (g *Group) Discard(ctx context.Context, because string, letters ...DeadLetter) (discarded int, err error) {
	if because = clean(strings.TrimSpace(because)); because == "" {
		return 0, errors.New("say why")
	}
	for _, l := range letters {
		done, err := g.config.Pool.Exec(ctx, `
update clerkstream.handler_letters set closed_at = now(), closed_as = 'discarded', closed_reason = $5
where service = $1 and handler = $2 and stream = $3 and sequence = $4 and closed_at is null`,
			g.config.Service, l.Handler, l.Stream, int64(l.Sequence), because)
		if err != nil {
			return discarded, fmt.Errorf("discard letter of %s for message %d: %w", l.Handler, l.Sequence, err)
		}
		discarded += int(done.RowsAffected())
	}
	return discarded, nil
}
