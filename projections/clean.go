package projections

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"

	"github.com/clerkstream/clerkstream/events"
)

// What Postgres cannot hold must not become a poison message: unsafe_metadata and names are written by end users, and somebody could dodge
// a ban by putting a NUL into them. So such values are replaced and counted, and the row lands.
const (
	// maxKey bounds the bytes of an indexed text: btree refuses entries over 2704.
	maxKey = 512
	// maxDepth bounds the nesting of jsonb. Postgres' parser recurses and gives up at some six thousand levels of a default stack.
	maxDepth = 512
	// maxDigits bounds the digits of a jsonb number, maxExponent its exponent. Postgres' numeric ends at 16383 digits behind the point, but readers
	// give up long before: a number beyond a double's 1.8e308 makes Go's JSON decoder fail, and with it a query that lists everybody, and each
	// exponent unfolds to as many digits whenever the row is read.
	maxDigits   = 15_000
	maxExponent = 400
	// maxMoment is the end of the year 9999, past which neither Postgres' text form nor most clients follow.
	maxMoment = events.Time(253_402_300_799_999)
)

// cleaner replaces what Postgres cannot hold and counts what it replaced. It belongs to one row.
type cleaner struct{ replaced int }

func (c *cleaner) text(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	c.replaced++
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func (c *cleaner) key(s string) string {
	s = c.text(s)
	if len(s) <= maxKey {
		return s
	}
	c.replaced++
	cut := maxKey
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

func (c *cleaner) moment(t events.Time) events.Time {
	if t > maxMoment {
		c.replaced++
		return 0
	}
	return t
}

// json returns raw as jsonb takes it; raw itself, untouched, in all but the odd case.
func (c *cleaner) json(raw []byte) []byte {
	if len(raw) == 0 || holdable(raw) {
		return raw
	}
	clean, replaced := cleanJSON(raw)
	c.replaced += replaced
	return clean
}

// holdable is one cheap pass that says yes only when nothing needs replacing; a no may be a false alarm.
func holdable(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	depth, digits, inString := 0, 0, false
	for i := 0; i < len(raw); i++ {
		ch := raw[i]
		if inString {
			switch ch {
			case '"':
				inString = false
			case '\\':
				i++
				if raw[i] == 'u' && !plainEscape(raw[i+1:]) {
					return false
				}
			}
			continue
		}
		switch {
		case ch >= '0' && ch <= '9':
			if digits++; digits > 100 {
				return false
			}
			continue
		case (ch == 'e' || ch == 'E') && digits > 0:
			return false
		case ch == '"':
			inString = true
		case ch == '{' || ch == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case ch == '}' || ch == ']':
			depth--
		}
		digits = 0
	}
	return true
}

// plainEscape reports whether the four hex digits of a \u escape are neither NUL nor half of a surrogate pair.
func plainEscape(hex []byte) bool {
	return len(hex) >= 4 && !bytes.Equal(hex[:4], []byte("0000")) && hex[0] != 'd' && hex[0] != 'D'
}

// cleanJSON copies raw, token by token, and replaces what jsonb refuses. raw is valid JSON: it was cut out of a decoded body.
func cleanJSON(raw []byte) (clean []byte, replaced int) {
	clean = make([]byte, 0, len(raw))
	for depth := 0; len(raw) > 0; {
		token := raw[:tokenLength(raw)]
		raw = raw[len(token):]
		outer := depth
		switch token[0] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		switch {
		case outer == maxDepth && depth > maxDepth:
			clean = append(clean, "null"...)
			replaced++
		case max(outer, depth) > maxDepth: // within what has become null
		default:
			harmless, changed := cleanToken(token)
			clean = append(clean, harmless...)
			if changed {
				replaced++
			}
		}
	}
	return clean, replaced
}

// tokenLength is the length of the string, number or literal that raw begins with; all other bytes stand alone.
func tokenLength(raw []byte) int {
	if raw[0] != '"' {
		return max(1, len(raw)-len(bytes.TrimLeft(raw, "+-.0123456789abcdefghijklmnopqrstuvwxyzE")))
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(raw)
}

func cleanToken(token []byte) (harmless []byte, changed bool) {
	switch first := token[0]; {
	case first == '"':
		s := strings.ReplaceAll(string(json.Unescape(token)), "\x00", "\uFFFD")
		if !strings.ContainsRune(s, utf8.RuneError) {
			return token, false
		}
		return json.AppendEscape(nil, s, 0), true
	case (first == '-' || first >= '0' && first <= '9') && !numeric(string(token)):
		// As a string nothing of it is lost.
		return slices.Concat([]byte{'"'}, token, []byte{'"'}), true
	}
	return token, false
}

// numeric reports whether Postgres' numeric and a double hold the JSON number n.
func numeric(n string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	if len(mantissa) > maxDigits {
		return false
	}
	if exponent != "" {
		if e, err := strconv.Atoi(exponent); err != nil || e > maxExponent || e < -maxExponent {
			return false
		}
	}
	_, err := strconv.ParseFloat(n, 64)
	return err == nil
}
