package events

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/encoding/json"
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

// unmarshal decodes text into what into points to, as encoding/json would but for the case of names; a fuzz test holds it to that. Half a surrogate
// pair and a byte that is no UTF-8 become U+FFFD in a string and stay as they are in a JSON.
func unmarshal(text []byte, into any) error {
	var err error
	if !tooDeep(text) {
		rest, failed := json.Parse(text, into, json.DontMatchCaseInsensitiveStructFields)
		if failed == nil && len(rest) == 0 {
			return nil
		}
		err = failed
	}
	// Only the standard decoder, which is several times slower, tells where a text is broken. In a broken text the types are of no interest.
	if syntax := stdjson.Unmarshal(text, new(stdjson.RawMessage)); syntax != nil {
		return syntax
	}
	return err
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

// Unwrap returns the decoder's error: encoding/json's *SyntaxError or *UnmarshalTypeError, or what a type's own method returned. Its text may
// quote values of the body.
func (e *PayloadError) Unwrap() error { return e.Err }

func whereIn(err error) string {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		// No pointer: in a broken text anything may stand where a name should.
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	}
	shape := (*json.UnmarshalTypeError)(nil)
	if !errors.As(err, &shape) || shape.Field == "" {
		return "unreadable" // the body is no object, or a type's own method found something, and may say more than anybody shall see
	}
	// The decoder writes the way there as a.0.b.
	pointer := "/" + strings.ReplaceAll(pointerEscapes.Replace(shape.Field), ".", "/")
	return fmt.Sprintf("%s does not fit into %v", pointer, shape.Type)
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
