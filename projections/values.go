package projections

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
)

// Value is one column of a decoded row, for a person to read.
type Value struct {
	Column string
	Type   ColumnType
	// Text is the value: a boolean as true or false, a time as RFC 3339 in UTC with milliseconds, JSON compact and with its names in order, so that
	// equal values are equal texts, but for how a number is written. It is empty when Null.
	Text string
	Null bool
}

// Describer is a projection that can tell what a row of its Decode says, without any table. A projection that is none still projects; only the verbs
// that show a past state have nothing to show of it.
type Describer interface {
	// Describe lists the values that readers would see, in the columns' order, and after them each child table as one value: a list of its rows. It
	// must be given a row that the same projection decoded.
	Describe(row Row) []Value
}

// rfc3339Milli has the resolution of every clock at Clerk.
const rfc3339Milli = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes the bare value in JSON's own type.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case v.Null:
		return []byte("null"), nil
	case v.Type == TypeBool, v.Type == TypeInt, v.Type == TypeJSON:
		return []byte(v.Text), nil
	}
	return json.Marshal(v.Text)
}

// Describe implements Describer. Of a tombstone every value but the id is null.
func (s *State[T]) Describe(row Row) []Value {
	scalars, documents := row.fields, row.documents
	cut := func() (f []byte) {
		f, scalars = field(scalars)
		return f
	}
	values := []Value{valueOf("id", TypeText, cut())}
	cut() // version
	cut() // deleted
	if len(s.Children) > 0 {
		cut()
	}
	if s.hasDocuments() {
		cut()
	}
	for _, c := range s.Columns {
		var f []byte
		switch {
		case c.Type != TypeJSON:
			f = cut()
		case len(documents) > 0:
			f, documents = field(documents)
		default:
			f = appendNull(nil)
		}
		values = append(values, valueOf(c.Name, c.Type, f))
	}
	for i, c := range s.Children {
		values = append(values, c.describe(row.children[i]))
	}
	return values
}

// describe is the child's rows of one entity as one list, without the owner, who is the same in all of them.
func (c *Child[T]) describe(packed []byte) Value {
	list := []byte{'['}
	for n, row := range unpack(packed, nil) {
		if n > 0 {
			list = append(list, ',')
		}
		_, rest := field(row[0])
		for i, column := range c.Columns {
			separator := byte('{')
			if i > 0 {
				separator = ','
			}
			var f []byte
			f, rest = field(rest)
			list = append(strconv.AppendQuote(append(list, separator), column.Name), ':')
			one, _ := valueOf(column.Name, column.Type, f).MarshalJSON() // of these types none is refused
			list = append(list, one...)
		}
		list = append(list, '}')
	}
	return Value{Column: c.Name, Type: TypeJSON, Text: string(append(list, ']'))}
}

// Describe implements Describer.
func (l *Log[T]) Describe(row Row) []Value {
	rest := row.fields
	next := func(name string, t ColumnType) Value {
		var f []byte
		f, rest = field(rest)
		return valueOf(name, t, f)
	}
	values := []Value{
		next("event_id", TypeText), {Column: "sequence", Type: TypeInt, Text: strconv.FormatUint(row.Sequence, 10)},
		next("type", TypeText), next("entity_id", TypeText), next("occurred_at", TypeMoment),
	}
	for _, c := range l.Columns {
		values = append(values, next(c.Name, c.Type))
	}
	return values
}

// valueOf is the inverse of the append functions that encode a field.
func valueOf(name string, t ColumnType, f []byte) Value {
	v := Value{Column: name, Type: t}
	if int32(binary.BigEndian.Uint32(f)) < 0 {
		v.Null = true
		return v
	}
	raw := f[4:]
	switch t {
	case TypeBool:
		v.Text = strconv.FormatBool(raw[0] != 0)
	case TypeInt:
		v.Text = strconv.FormatInt(int64(binary.BigEndian.Uint64(raw)), 10)
	case TypeMoment:
		micros := int64(binary.BigEndian.Uint64(raw))
		v.Text = time.UnixMilli(micros/1000 + postgresEpoch).UTC().Format(rfc3339Milli)
	case TypeJSON:
		v.Text = ordered(raw[1:])
	default:
		v.Text = string(raw)
	}
	return v
}

// ordered is JSON in one spelling for each value, as jsonb would hold it: without blanks, with names in order, of a repeated name the last. Numbers
// stay as they were written. What cannot be read again stays as it is: this is for eyes only.
func ordered(raw []byte) string {
	var (
		v    any
		text bytes.Buffer
	)
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := in.Decode(&v); err != nil {
		return string(raw)
	}
	if err := out.Encode(v); err != nil {
		return string(raw)
	}
	return string(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
}
