package clerksim

import (
	"encoding/json"
	"strconv"
)

// object is a JSON object that keeps the order of its fields, for a signature is over bytes and Clerk's order is not alphabetical.
//
//nolint:recvcheck // add grows it in place, without works on what a call returned
type object []field

type field struct {
	key   string
	value any
}

func (o *object) add(key string, value any) { *o = append(*o, field{key, value}) }

// without returns a copy that lacks the named fields.
func (o object) without(keys ...string) object {
	kept := make(object, 0, len(o))
next:
	for _, f := range o {
		for _, k := range keys {
			if f.key == k {
				continue next
			}
		}
		kept = append(kept, f)
	}
	return kept
}

// appendJSON writes v compactly. It knows the few kinds of value the simulator builds; encoding/json over maps would cost four times
// as much and forget the order.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendString(b, v)
	case json.RawMessage:
		return append(b, v...)
	case object:
		return appendObject(b, v)
	case []object:
		return appendArray(b, v)
	case []string:
		return appendArray(b, v)
	case []any:
		return appendArray(b, v)
	}
	panic("clerksim: no JSON form for a value of this type")
}

func appendObject(b []byte, o object) []byte {
	if o == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, f := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, f.key)
		b = append(b, ':')
		b = appendJSON(b, f.value)
	}
	return append(b, '}')
}

func appendArray[T any](b []byte, items []T) []byte {
	b = append(b, '[')
	for i, v := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a Go string always has a JSON form
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// decoded is v as encoding/json decodes it, with the credentials that must never leave the webhook (one-time redirect URLs and backup
// codes) blanked to null.
func decoded(v any) any {
	var out any
	if err := json.Unmarshal(appendJSON(nil, v), &out); err != nil {
		panic(err) // the simulator wrote it itself
	}
	blank(out)
	return out
}

func blank(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k == "external_verification_redirect_url" || k == "backup_codes" {
				v[k] = nil
				continue
			}
			blank(inner)
		}
	case []any:
		for _, inner := range v {
			blank(inner)
		}
	}
}

// text is a nullable string: Clerk's null for what is not set.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// millis is a nullable time in epoch milliseconds; zero is not set.
func millis(ms int64) any {
	if ms == 0 {
		return nil
	}
	return ms
}

// metadata is a nullable metadata object.
func metadata(m json.RawMessage) json.RawMessage {
	if m == nil {
		return json.RawMessage("{}")
	}
	return m
}
