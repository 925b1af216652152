package projector

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clerkstream/clerkstream/events"
)

// keyValues names the row. Clerk's ids may be shown; every other part of a key may be somebody's address.
func (p *tablePair) keyValues(key []string, show bool) []Value {
	if p.keys == nil {
		return []Value{{"(hash of the row)", &key[0]}}
	}
	values := make([]Value, len(key))
	for i := range key {
		k := p.keys[i]
		values[i] = Value{k.name, &key[i]}
		if !show && !isID(k.name, key[i]) {
			values[i].Text = masked(k.typ, &key[i])
		}
	}
	return values
}

// values are the columns of one side of a row: those that differ, or all when it has no other side.
func (p *tablePair) values(texts []*string, columns []string, show bool) []Value {
	if texts == nil {
		return nil
	}
	var values []Value
	for i, c := range p.columns {
		if c.key >= 0 || len(columns) > 0 && !slices.Contains(columns, c.name) {
			continue
		}
		v := Value{c.name, texts[i]}
		if !show {
			v.Text = masked(c.typ, texts[i])
		}
		values = append(values, v)
	}
	return values
}

// isID goes by the column too: a login name may look like an id.
func isID(column, value string) bool {
	return (column == "id" || strings.HasSuffix(column, "_id")) && column != "external_id" && events.IsToken(value)
}

// masked tells of a value its type and how long it is; NULL and booleans are nobody's secret.
func masked(typ string, value *string) *string {
	if value == nil || typ == "boolean" {
		return value
	}
	mask := fmt.Sprintf("%s(%d)", strings.TrimSuffix(typ, " with time zone"), utf8.RuneCountInString(*value))
	return &mask
}
