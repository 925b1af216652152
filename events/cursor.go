package events

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// cursor steps through a text that is known to be valid JSON. It checks nothing again, which makes it several times faster than a
// decoder, and it knows where in the text each value lies, which is what splicing needs.
type cursor struct {
	text []byte
	at   int
}

// peek moves to the first byte of the next value, name or closing bracket and returns it. In a valid text nothing but white space,
// commas and colons lies before it.
func (c *cursor) peek() byte {
	for {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\r', '\n', ',', ':':
			c.at++
		default:
			return b
		}
	}
}

// scalar reads the string, number or literal that stands at the cursor.
func (c *cursor) scalar() jsontext.Value {
	start := c.at
	if c.text[c.at] == '"' {
		c.at += stringLen(c.text[c.at:])
		return c.text[start:c.at]
	}
	for c.at < len(c.text) && !ends(c.text[c.at]) {
		c.at++
	}
	return c.text[start:c.at]
}

// ends reports whether b is the first byte that no longer belongs to a number or literal.
func ends(b byte) bool {
	return b == ',' || b == '}' || b == ']' || b == ' ' || b == '\n' || b == '\r' || b == '\t'
}

// stringLen is the length of the JSON string at the start of text, quotes included. Most are so short that bytes.IndexByte would gain nothing.
func stringLen(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++ // what is escaped is no end
		}
	}
}

// unquote returns the text of a JSON string, without copying when nothing in it is escaped.
func unquote(quoted jsontext.Value) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The error tells of bytes that are no UTF-8; they have become U+FFFD, and a name that hides behind escapes is still recognised.
	plain, _ := jsontext.AppendUnquote(nil, quoted)
	return plain
}

// text is the text of a JSON string, or empty for every other value.
func text(raw jsontext.Value) string {
	if raw.Kind() != '"' {
		return ""
	}
	return string(unquote(raw))
}
