package rls

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

var (
	quotedText = regexp.MustCompile(`'((?:[^']|'')*)'`)
	number     = regexp.MustCompile(`-?\b\d+(?:\.\d+)?\b`)
)

// literals are the texts and numbers in a check, and the numbers next to them: what a check names it usually allows, or bounds.
func literals(check string) (out []string) {
	for _, m := range quotedText.FindAllStringSubmatch(check, -1) {
		out = append(out, strings.ReplaceAll(m[1], "''", "'"))
	}
	for _, m := range number.FindAllString(quotedText.ReplaceAllString(check, ""), -1) {
		out = append(out, m)
		if n, err := strconv.ParseInt(m, 10, 64); err == nil {
			out = append(out, strconv.FormatInt(n+1, 10), strconv.FormatInt(n-1, 10))
		}
	}
	return out
}

// candidates are values that may satisfy a check on the column: what stands in the check itself, then what people often ask for.
func (c *column) candidates(check constraint) (out []string) {
	for _, text := range check.values {
		if c.category != "N" || number.FindString(text) == text {
			out = append(out, text)
		}
	}
	return append(out, plausible[c.category]...)
}

// plausible are by type category.
var plausible = map[string][]string{
	"S": {"USD", "EUR", "a@rls-test.example", "https://rls-test.example", "a", "A", "1", "en", "UTC", "+15555550100", "rls-test"},
	"N": {"1", "0", "-1", "100", "0.5"},
	"B": {"true", "false"},
	"D": {"2999-01-01T12:00:00Z", "1999-01-01T12:00:00Z"},
}

// value makes a value of the column's type as text; two calls rarely give the same where the type has room.
func (c *column) value() string {
	if fixed, ok := byType[c.base]; ok {
		return fixed
	}
	switch c.category {
	case "N":
		return strconv.FormatInt(1000+draw(20000), 10)
	case "B":
		return "false"
	case "E":
		return c.label
	case "D":
		return "2026-03-01T12:00:00Z"
	case "T":
		return "1 day"
	case "A":
		return "{}"
	case "R":
		return "empty"
	case "I":
		return "127.0.0.1"
	case "G":
		return "(0,0),(1,1)"
	case "V":
		return "0"
	}
	if c.base == "uuid" {
		return uuid()
	}
	// The random part first: a short column cuts the rest.
	return randomText(8) + " rls test"
}

// byType are types whose category does not tell what they take.
var byType = map[string]string{
	"json": "{}", "jsonb": "{}", "bytea": "", "xml": "<a/>", "tsvector": "", "tsquery": "", "hstore": "", "money": "1",
	"point": "(0,0)", "macaddr": "08:00:2b:01:02:03", "macaddr8": "08:00:2b:01:02:03:04:05", "time": "12:00", "timetz": "12:00Z", "oid": "1",
	"ltree": "rls.test", "pg_lsn": "0/0",
}

func draw(below int64) int64 {
	n, err := rand.Int(rand.Reader, big.NewInt(below))
	if err != nil { // never returns: see crypto/rand
		panic(err)
	}
	return n.Int64()
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func randomText(length int) string {
	b := make([]byte, length)
	for i := range b {
		b[i] = alphabet[draw(int64(len(alphabet)))]
	}
	return string(b)
}

// clerkID has the form of Clerk's ids, which a check may insist on: a word and 27 letters or digits.
func clerkID(kind string) string { return kind + "_" + randomText(27) }

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
