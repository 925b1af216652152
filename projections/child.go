package projections

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ChildRows collects the child rows of one entity.
type ChildRows struct {
	owner   string
	columns []ChildColumn
	clean   *cleaner
	rows    [][]byte
	keys    []int // length of each row's key part
}

// Add adds one row: a string for a text column (key columns are cut to fit an index), a bool for a boolean one, in the columns' order. A row
// with an empty key column is left out: nothing could look it up.
func (r *ChildRows) Add(values ...any) {
	b := appendText(nil, r.owner)
	key := 0
	for i, c := range r.columns {
		switch v := values[i].(type) {
		case string:
			if c.Key && v == "" {
				return
			}
			if c.Key {
				v = r.clean.key(v)
			}
			b = appendText(b, r.clean.text(v))
		case bool:
			b = appendBool(b, v)
		default:
			panic(fmt.Sprintf("child column %s takes no %T", c.Name, v))
		}
		if c.Key {
			key = len(b)
		}
	}
	r.rows, r.keys = append(r.rows, b), append(r.keys, key)
}

// sorted is the rows one after the other, each behind its length, without repeated keys. The order is that of the bytes, so the same rows
// always give the same text and the same hash. Where a key repeats the greater row stays: true beats false, and Clerk lists an address
// twice only when one listing is verified.
func (r *ChildRows) sorted() []byte {
	order := make([]int, len(r.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(r.rows[a], r.rows[b]) })
	var out []byte
	for n, i := range order {
		key := r.rows[i][:r.keys[i]]
		if n+1 < len(order) {
			if next := order[n+1]; bytes.Equal(key, r.rows[next][:r.keys[next]]) {
				continue
			}
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(r.rows[i])))
		out = append(out, r.rows[i]...)
	}
	return out
}

func unpack(packed []byte, rows []encoded) []encoded {
	for len(packed) > 0 {
		size := 4 + int(binary.BigEndian.Uint32(packed))
		rows = append(rows, encoded{packed[4:size]})
		packed = packed[size:]
	}
	return rows
}

func (c *Child[T]) definition() (Table, View) {
	lines := []string{quote(c.Owner) + " text not null"}
	key := []string{quote(c.Owner)}
	visible := []string{c.Owner}
	for _, col := range c.Columns {
		line := quote(col.Name) + " " + col.Type.String()
		if col.Key {
			line += " not null"
			key = append(key, quote(col.Name))
		}
		lines, visible = append(lines, line), append(visible, col.Name)
	}
	lines = append(lines, "primary key ("+strings.Join(key, ", ")+")")
	return Table{Name: c.Name, Columns: strings.Join(lines, ",\n"), Indexes: c.Indexes, Tenant: c.Tenant},
		View{Name: c.Name, Columns: visible, From: c.Name, Hide: c.Hide}
}

func (c *Child[T]) input(tables string) *input {
	in := &input{tables: tables, table: c.Name}
	in.add(c.Owner, TypeText)
	for _, col := range c.Columns {
		in.add(col.Name, col.Type)
	}
	return in
}

// write replaces the child rows of the written entities whose children changed. Children of an entity are a few rows, so the whole set is
// taken out and put in again: one concept for added, changed and removed.
func (c *Child[T]) write(ctx context.Context, tx pgx.Tx, tables string, index int, rows []Row, before map[string]stored) error {
	var stale []string
	in := c.input(tables)
	for i := range rows {
		old := before[rows[i].Key]
		if !rows[i].Afresh && bytes.Equal(old.children, rows[i].childrenHash) {
			continue
		}
		if old.children != nil || rows[i].Afresh && old.version != "" {
			stale = append(stale, rows[i].Key)
		}
		in.rows = unpack(rows[i].children[index], in.rows)
	}
	if len(stale) > 0 {
		remove := `delete from ` + quote(tables) + `.` + quote(c.Name) + ` c using unnest($1::text[]) as i(id) where c.` + quote(c.Owner) + ` = i.id`
		if _, err := tx.Exec(ctx, remove, stale); err != nil {
			return fmt.Errorf("remove from %s: %w", c.Name, err)
		}
	}
	return in.insert(ctx, tx)
}
