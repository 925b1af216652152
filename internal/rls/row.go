package rls

import (
	"encoding/json"
	"errors"
	"fmt"
)

// row is one that was planted.
type row struct {
	person
	table  uint32 // the partition, of a partitioned table
	ctid   string
	values map[string]string // as text; without those that are null
	// given is what its insert said.
	given map[string]*string
}

// place is what tells a row from all others without a key.
func (r row) place() string { return fmt.Sprintf("%d %s", r.table, r.ctid) }

// The rows that belong to nobody.
var (
	nobody = person{name: "nobody"}
	blank  = person{name: "an empty name"}
)

// decodeRow reads what an insert returned: [tableoid, ctid, the row].
func decodeRow(who person, text string) (r row, err error) {
	var (
		fields []json.RawMessage
		oid    string
		values map[string]json.RawMessage
	)
	r.person = who
	if err = json.Unmarshal([]byte(text), &fields); err == nil && len(fields) == 3 {
		err = errors.Join(json.Unmarshal(fields[0], &oid), json.Unmarshal(fields[1], &r.ctid), json.Unmarshal(fields[2], &values))
	}
	if err != nil {
		return r, fmt.Errorf("read planted row: %w", err)
	}
	if _, err = fmt.Sscan(oid, &r.table); err != nil {
		return r, fmt.Errorf("read planted row: %w", err)
	}
	r.values = map[string]string{}
	for name, v := range values {
		// A text is unquoted; a number, or whatever else JSON says, is text already.
		var text string
		switch {
		case string(v) == "null":
		case json.Unmarshal(v, &text) == nil:
			r.values[name] = text
		default:
			r.values[name] = string(v)
		}
	}
	return r, nil
}
