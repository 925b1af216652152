package projections

import (
	"github.com/clerkstream/clerkstream/events"
)

// Column is one column of a read model and where its value comes from in the payload T.
type Column[T any] struct {
	Name string
	Type ColumnType

	encode func(b []byte, c *cleaner, v *T) []byte
}

// Text is a text column. The empty string is NULL, since Clerk writes unused sides either way.
func Text[T any](name string, value func(*T) string) Column[T] {
	return Column[T]{name, TypeText, func(b []byte, c *cleaner, v *T) []byte { return appendText(b, c.text(value(v))) }}
}

// Key is a text column that an index covers: it is cut to maxKey bytes, because Postgres refuses a row whose index entry is too long.
func Key[T any](name string, value func(*T) string) Column[T] {
	return Column[T]{name, TypeText, func(b []byte, c *cleaner, v *T) []byte { return appendText(b, c.key(value(v))) }}
}

// Bool is a boolean column.
func Bool[T any](name string, value func(*T) bool) Column[T] {
	return Column[T]{name, TypeBool, func(b []byte, _ *cleaner, v *T) []byte { return appendBool(b, value(v)) }}
}

// Int is a bigint column; nil is NULL.
func Int[T any](name string, value func(*T) *int64) Column[T] {
	return Column[T]{name, TypeInt, func(b []byte, _ *cleaner, v *T) []byte {
		if n := value(v); n != nil {
			return appendInt(b, *n)
		}
		return appendNull(b)
	}}
}

// Moment is a timestamptz column; no time is NULL.
func Moment[T any](name string, value func(*T) events.Time) Column[T] {
	return Column[T]{name, TypeMoment, func(b []byte, c *cleaner, v *T) []byte { return appendMoment(b, c.moment(value(v))) }}
}

// JSON is a jsonb column; an absent value and null are NULL.
func JSON[T any](name string, value func(*T) events.JSON) Column[T] {
	return jsonOr("", name, value)
}

// JSONArray is a jsonb column that holds [] in the place of an absent value.
func JSONArray[T any](name string, value func(*T) events.JSON) Column[T] {
	return jsonOr("[]", name, value)
}

// JSONObject is a jsonb column that holds {} in the place of an absent value.
func JSONObject[T any](name string, value func(*T) events.JSON) Column[T] {
	return jsonOr("{}", name, value)
}

func jsonOr[T any](absent, name string, value func(*T) events.JSON) Column[T] {
	return Column[T]{name, TypeJSON, func(b []byte, c *cleaner, v *T) []byte {
		raw := value(v)
		if len(raw) == 0 {
			raw = events.JSON(absent)
		}
		return appendJSON(b, c.json(raw))
	}}
}
