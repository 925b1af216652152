package events

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Payload reads the event's data into T: one of the payload types of this package, or a service's own struct. Decoding is lenient: unknown
// fields are skipped, missing ones stay zero, null is zero, a raw value included. It fails with a *PayloadError when a field has a type that T cannot take.
func Payload[T any](e *Event) (T, error) {
	var body struct {
		Data T `json:"data"`
	}
	if err := json.Unmarshal(e.Body, &body, payloadOptions); err != nil {
		return body.Data, &PayloadError{EventID: e.ID, Type: e.Type, Err: err}
	}
	if n, ok := any(&body.Data).(normalizer); ok {
		n.normalize(e)
	}
	return body.Data, nil
}

// payloadOptions read null into a raw value as no value, as into every other field: a reader need not know two kinds of nothing.
var payloadOptions = json.JoinOptions(lenient, json.WithUnmarshalers(json.UnmarshalFromFunc(readRaw)))

func readRaw(dec *jsontext.Decoder, v *jsontext.Value) error {
	raw, err := dec.ReadValue()
	if err != nil || raw.Kind() == 'n' {
		*v = nil
		return err
	}
	*v = raw.Clone()
	return nil
}

// normalizer is a payload with spellings that Clerk changed over time. normalize lifts an old or odd shape to the newest one,
// here and nowhere else, so readers only ever see the newest.
type normalizer interface{ normalize(e *Event) }

// PayloadError says that an event's data does not have the shape of its type. Its text names the event and the place, never a value: values
// are personal data.
type PayloadError struct {
	EventID, Type string
	Err           error
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("decode event %s (%s): %s", e.EventID, e.Type, whereIn(e.Err))
}

// Unwrap returns the decoder's error. Its text may quote values of the body.
func (e *PayloadError) Unwrap() error { return e.Err }

func whereIn(err error) string {
	if shape := (*json.SemanticError)(nil); errors.As(err, &shape) {
		return fmt.Sprintf("%s is a JSON %v, which %v cannot hold", shape.JSONPointer, shape.JSONKind, shape.GoType)
	}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		// No pointer: in a broken text anything may stand where a name should.
		return fmt.Sprintf("syntax error at byte %d", syntax.ByteOffset)
	}
	return "unreadable"
}

// List is an array of a payload that is both read and kept: Items for code, Raw for whoever stores the array as Clerk sent it.
type List[T any] struct {
	Items []T
	// Raw is the array's JSON, or empty when the array is absent, null or has no element.
	Raw jsontext.Value
}

// UnmarshalJSONFrom implements the decoder's interface.
func (l *List[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*l = List[T]{}
	if raw.Kind() == 'n' || string(raw) == "[]" {
		return nil
	}
	raw = raw.Clone()
	if err := json.Unmarshal(raw, &l.Items, lenient); err != nil {
		inner := &json.SemanticError{}
		if errors.As(err, &inner) {
			inner.JSONPointer = dec.StackPointer() + inner.JSONPointer // which it knows from the array's start only
		}
		return err
	}
	if len(l.Items) > 0 {
		l.Raw = raw
	}
	return nil
}
