package subscribe

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Typed is a pointer to one of the typed events: *events.UserCreated, *events.OrganizationMembershipDeleted…
type Typed[E any] interface {
	*E
	EventType() string
	Fact() *events.Event
}

// Handler is one function of a service for one type of event. On and InTx make it.
type Handler struct {
	name, typ string
	blank     func() any
	// handle runs it once for a typed event and reports whether it had been done before.
	handle func(ctx context.Context, service string, event any) (duplicate bool, err error)
}

// Name is the handler's name, Type the event type that it handles.
func (h Handler) Name() string { return h.name }

// Type is the event type that the handler handles.
func (h Handler) Type() string { return h.typ }

// On makes a handler that is called at least once for each event of its type: again after a crash or an error, after a reset, and when Clerk's fact
// arrives under a second id. What it does must bear that, or take the event's id as the key of an idempotent request.
//
// name is what dead letters and metrics call it: lower case, digits, dash, underscore; at most 63 characters. It stays the same over releases.
//
// handle runs with the context of its attempt, which carries the trace context and ends after Config.HandleTimeout, and may run for several entities at
// the same time. It must not write to the event's Body. The text of an error it returns is logged and stored: no personal data in it. A panic counts as an
// error.
func On[E any, P Typed[E]](name string, handle func(ctx context.Context, event P) error) Handler {
	return Handler{
		name: name, typ: P(new(E)).EventType(), blank: func() any { return P(new(E)) },
		handle: func(ctx context.Context, _ string, event any) (bool, error) { return false, handle(ctx, event.(P)) },
	}
}

// InTx makes a handler whose effect in Postgres happens exactly once for each fact: it runs in a transaction that first enters the event into the inbox,
// clerkstream.inbox, under the service's and the handler's name. When the entry is there, by the event's id or by the type, entity and version that
// another id brought, the handler is not called and the event is done. It is not called for events handled before a reset either.
//
// Only what goes through tx is exactly once; what handle does elsewhere happens at least once, and before the commit. The pool's login must be a member
// of clerkstream_subscriber. See On for the rest.
func InTx[E any, P Typed[E]](name string, pool Pool, handle func(ctx context.Context, tx pgx.Tx, event P) error) Handler {
	return Handler{
		name: name, typ: P(new(E)).EventType(), blank: func() any { return P(new(E)) },
		handle: func(ctx context.Context, service string, event any) (duplicate bool, err error) {
			e := event.(P)
			return once(ctx, pool, service, name, e.Fact(), func(tx pgx.Tx) error { return handle(ctx, tx, e) })
		},
	}
}

// Pool begins transactions: a *pgxpool.Pool is one.
type Pool interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Permanent marks an error as one that no repetition mends: the event becomes a dead letter of the handler at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

func isPermanent(err error) bool { return errors.As(err, new(*permanent)) }
