package events

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Of is an event whose data was read: what is known about the fact, and Data in its newest shape. There is one named type for each type of the
// catalogue, so that a handler says in its signature what it handles: func(context.Context, *events.UserCreated) error.
//
// Like an Event it may be copied and read by several goroutines, and nobody writes to its Body.
type Of[T any] struct {
	Event
	Data T
}

// Fact returns the event without its data: for code that handles every type alike.
func (o *Of[T]) Fact() *Event { return &o.Event }

// ErrUnknownType says that an event has no struct: it is unrouted, or of a type that the catalogue does not have. It is no fault of the event.
var ErrUnknownType = errors.New("event type is not in the catalogue")

// Typed reads the event into the struct of its type and returns a pointer to it: a user.created becomes a *UserCreated. Every spelling of a
// payload that Clerk ever sent arrives in the newest one. It fails with ErrUnknownType, or with a *PayloadError when the data has not the shape of
// its type.
func Typed(e *Event) (any, error) {
	read, ok := types[e.Type]
	if !ok || e.Unrouted != "" {
		return nil, fmt.Errorf("event %s: %w", e.ID, ErrUnknownType)
	}
	return read(e)
}

// Types lists the types of the catalogue, sorted: those that Typed knows.
func Types() []string { return slices.Sorted(maps.Keys(types)) }

// reader makes the typed event of an event.
type reader struct {
	typ  string
	read func(*Event) (any, error)
}

// as is the reader of one type, which names itself.
func as[T any, E interface {
	~struct{ Of[T] }
	EventType() string
}]() reader {
	var zero E
	return reader{zero.EventType(), func(e *Event) (any, error) {
		data, err := Payload[T](e)
		if err != nil {
			return nil, err
		}
		typed := E(struct{ Of[T] }{Of[T]{*e, data}})
		return &typed, nil
	}}
}
