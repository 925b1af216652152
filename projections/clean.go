package projections

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

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

// cleanJSON writes raw anew, token by token, and replaces what jsonb refuses. raw is valid JSON: it was cut out of a decoded body.
func cleanJSON(raw []byte) (clean []byte, replaced int) {
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var out bytes.Buffer
	dec := jsontext.NewDecoder(bytes.NewReader(raw), lenient...)
	enc := jsontext.NewEncoder(&out, lenient...)
	for {
		if k := dec.PeekKind(); (k == '{' || k == '[') && dec.StackDepth() >= maxDepth {
			if dec.SkipValue() != nil {
				return []byte("null"), replaced + 1
			}
			replaced++
			_ = enc.WriteToken(jsontext.Null)
			continue
		}
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		token, changed := cleanToken(token)
		if changed {
			replaced++
		}
		if err := enc.WriteToken(token); err != nil {
			return []byte("null"), replaced + 1
		}
	}
	return bytes.TrimSpace(out.Bytes()), replaced
}

func cleanToken(t jsontext.Token) (jsontext.Token, bool) {
	switch t.Kind() {
	case '"':
		var c cleaner
		s := c.text(t.String())
		return jsontext.String(s), c.replaced > 0 || strings.ContainsRune(s, utf8.RuneError)
	case '0':
		if n := t.String(); !numeric(n) {
			// As a string nothing of it is lost.
			return jsontext.String(n), true
		}
	}
	return t, false
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
