package events

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	quick "github.com/segmentio/encoding/json"
)

// Payload reads the event's data into T: one of the payload types of this package, or a service's own struct with encoding/json's tags, whose
// names are matched exactly. Decoding is lenient: unknown fields are skipped, missing ones stay zero, null is zero. It fails with a *PayloadError
// when a field has a type that T cannot take.
func Payload[T any](e *Event) (T, error) {
	var body struct {
		Data T `json:"data"`
	}
	if err := unmarshal(e.Body, &body); err != nil {
		return body.Data, &PayloadError{EventID: e.ID, Type: e.Type, Err: err}
	}
	if n, ok := any(&body.Data).(normalizer); ok {
		n.normalize(e)
	}
	return body.Data, nil
}

// quickMax is the length up to which the quick decoder may try: it recurses without a limit, and a text this short stays within the exact one's
// 10,000 levels.
const quickMax = 20_000

// unmarshal decodes with the quick decoder what it can, which is what Clerk sends, and everything else with the exact one, which alone decides
// what an odd text means and says where it is wrong. A fuzz test holds the two to the same results.
func unmarshal[T any](text []byte, into *T) error {
	if len(text) <= quickMax && utf8.Valid(text) {
		rest, err := quick.Parse(text, into, quick.DontMatchCaseInsensitiveStructFields)
		if err == nil && len(rest) == 0 {
			return nil
		}
		*into = *new(T)
	}
	return json.Unmarshal(text, into, lenient)
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
	var place jsontext.Pointer
	// A list is decoded on its own: its error stands inside that of the body, with a pointer from the list's start.
	for shape := (*json.SemanticError)(nil); errors.As(err, &shape); err = shape.Err {
		if place += shape.JSONPointer; shape.Err == nil || !errors.As(shape.Err, new(*json.SemanticError)) {
			return fmt.Sprintf("%s is a JSON %v, which %v cannot hold", place, shape.JSONKind, shape.GoType)
		}
	}
	if syntax := (*jsontext.SyntacticError)(nil); errors.As(err, &syntax) {
		// No pointer: in a broken text anything may stand where a name should.
		return fmt.Sprintf("syntax error at byte %d", syntax.ByteOffset)
	}
	return "unreadable"
}

// JSON is a value of a payload as Clerk sent it, for whoever stores it so. Absent and null are both empty.
type JSON []byte

// UnmarshalJSON implements the decoders' interface.
func (j *JSON) UnmarshalJSON(raw []byte) error {
	*j = nil
	if string(raw) != "null" {
		*j = bytes.Clone(raw)
	}
	return nil
}

// MarshalJSON implements the encoders' interface.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("null"), nil
	}
	return j, nil
}

// List is an array of a payload that is both read and kept: Items for code, Raw for whoever stores the array as Clerk sent it.
type List[T any] struct {
	Items []T
	// Raw is the array's JSON, or empty when the array is absent, null or has no element.
	Raw JSON
}

// UnmarshalJSON implements the decoders' interface.
func (l *List[T]) UnmarshalJSON(raw []byte) error {
	*l = List[T]{}
	if string(raw) == "null" || string(raw) == "[]" {
		return nil
	}
	if err := unmarshal(raw, &l.Items); err != nil {
		return err
	}
	if len(l.Items) > 0 {
		l.Raw = bytes.Clone(raw)
	}
	return nil
}
