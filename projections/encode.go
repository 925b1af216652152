package projections

import (
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/clerkstream/clerkstream/events"
)

// A row is encoded once, while decoding in parallel, in the form that both of Postgres' bulk ways take: each field as a length (int32, -1 for
// NULL) and its binary value. COPY BINARY wants just that, row by row; an array parameter wants the same fields column by column. The one
// goroutine that writes then only moves bytes. Source of the formats: PostgreSQL documentation, "COPY, Binary Format", and array_recv.

// ColumnType is one of the few types that read models use.
type ColumnType uint8

// The column types and their names in SQL.
const (
	TypeText ColumnType = iota
	TypeBool
	TypeInt
	TypeMoment
	TypeJSON
	typeHash
)

var columnTypes = [...]struct {
	sql string
	oid uint32
}{
	TypeText:   {"text", 25},
	TypeBool:   {"boolean", 16},
	TypeInt:    {"bigint", 20},
	TypeMoment: {"timestamptz", 1184},
	TypeJSON:   {"jsonb", 3802},
	typeHash:   {"bytea", 17},
}

// String is the type's name in SQL.
func (t ColumnType) String() string { return columnTypes[t].sql }

func appendNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func appendText(b []byte, s string) []byte {
	if s == "" {
		return appendNull(b)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0, 0, 0, 1, 1)
	}
	return append(b, 0, 0, 0, 1, 0)
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
}

// postgresEpoch is 2000-01-01 in ms since 1970: timestamptz counts µs from there.
const postgresEpoch = 946_684_800_000

func appendMoment(b []byte, t events.Time) []byte {
	if t == 0 {
		return appendNull(b)
	}
	return appendInt(b, (int64(t)-postgresEpoch)*1000)
}

// jsonbVersion leads jsonb's binary form.
const jsonbVersion = 1

func appendJSON(b, raw []byte) []byte {
	if len(raw) == 0 {
		return appendNull(b)
	}
	return append(append(binary.BigEndian.AppendUint32(b, uint32(len(raw)+1)), jsonbVersion), raw...)
}

// hash is half of a SHA-256. Users write much of what goes into it, so it must not be one for which a person can find two texts.
type hash = []byte

func hashOf(parts ...[]byte) hash {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(p)
		_, _ = h.Write([]byte{0})
	}
	return h.Sum(nil)[:16]
}

func appendHash(b []byte, h hash) []byte {
	if len(h) == 0 {
		return appendNull(b)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(h))), h...)
}

// field cuts the first encoded field off b.
func field(b []byte) (head, rest []byte) {
	size := int32(binary.BigEndian.Uint32(b))
	end := 4 + int(max(size, 0))
	return b[:end], b[end:]
}

// encoded is one row: the encoded fields in the columns' order, in two pieces, of which the second may be empty.
type encoded [2][]byte

// arrays turns encoded rows into one binary array parameter per column.
func arrays(types []ColumnType, rows []encoded) [][]byte {
	params := make([][]byte, len(types))
	for i, t := range types {
		head := make([]byte, 0, 20+len(rows)*16)
		head = binary.BigEndian.AppendUint32(head, 1) // dimensions
		head = binary.BigEndian.AppendUint32(head, 1) // may hold NULLs
		head = binary.BigEndian.AppendUint32(head, columnTypes[t].oid)
		head = binary.BigEndian.AppendUint32(head, uint32(len(rows)))
		params[i] = binary.BigEndian.AppendUint32(head, 1) // lower bound
	}
	for _, row := range rows {
		i := 0
		for _, rest := range row {
			for ; len(rest) > 0; i++ {
				var f []byte
				f, rest = field(rest)
				params[i] = append(params[i], f...)
			}
		}
	}
	return params
}

// copySignature opens, copyTrailer ends a COPY BINARY stream.
const (
	copySignature = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer   = "\xff\xff"
)

// copyStream reads rows as the bytes of one COPY BINARY, without gathering them first: a batch is tens of megabytes, and fresh memory of that
// size costs more than the copying.
type copyStream struct {
	columns [2]byte
	rows    []encoded
	// rest is what is left of the piece that is being read; piece counts the pieces of the row at hand: the number of its columns, then its two.
	rest  []byte
	piece int
	ended bool
}

func newCopyStream(columns int, rows []encoded) *copyStream {
	c := &copyStream{rows: rows, rest: []byte(copySignature)}
	binary.BigEndian.PutUint16(c.columns[:], uint16(columns))
	return c
}

// Read implements io.Reader.
func (c *copyStream) Read(p []byte) (n int, err error) {
	for n < len(p) {
		for len(c.rest) == 0 {
			if c.ended {
				return n, io.EOF
			}
			c.next()
		}
		took := copy(p[n:], c.rest)
		c.rest = c.rest[took:]
		n += took
	}
	return n, nil
}

func (c *copyStream) next() {
	switch {
	case len(c.rows) == 0:
		c.rest, c.ended = []byte(copyTrailer), true
	case c.piece == 0:
		c.rest, c.piece = c.columns[:], 1
	case c.piece == 1:
		c.rest, c.piece = c.rows[0][0], 2
	default:
		c.rest, c.rows, c.piece = c.rows[0][1], c.rows[1:], 0
	}
}
