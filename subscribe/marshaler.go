package subscribe

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/clerkstream/clerkstream/events"
)

// marshaler reads events for Watermill's CQRS component. It never writes any: what stands on the stream was said by Clerk.
type marshaler struct{}

var errReadOnly = errors.New("events are not for services to publish")

// unreadableError says that a message is no event, or its data has not the shape of its type. No repetition mends it.
type unreadableError struct{ error }

func (u unreadableError) Unwrap() error { return u.error }

func (marshaler) Marshal(any) (*message.Message, error) { return nil, errReadOnly }

// Unmarshal fills v, a pointer to a typed event, in the newest shape.
func (marshaler) Unmarshal(m *message.Message, v any) error {
	e, err := EventOf(m)
	if err != nil {
		return unreadableError{err}
	}
	typed, err := events.Typed(&e)
	if err != nil {
		return unreadableError{err}
	}
	from, to := reflect.ValueOf(typed), reflect.ValueOf(v)
	if from.Type() != to.Type() {
		return unreadableError{fmt.Errorf("event %s is a %s and not a %s", e.ID, from.Type(), to.Type())}
	}
	to.Elem().Set(from.Elem())
	return nil
}

func (marshaler) Name(v any) string {
	if typed, ok := v.(interface{ EventType() string }); ok {
		return typed.EventType()
	}
	return ""
}

func (marshaler) NameFromMessage(m *message.Message) string { return typeOf(m) }
