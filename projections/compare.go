package projections

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Standing is how the row of one entity compares with what a table has.
type Standing struct {
	// Key is the entity's id.
	Key string
	// Stored is the version of the row that is there, a tombstone's too; empty where none is.
	Stored events.Version
	// Differs names the columns whose values are not the same, in the table's order, and after them the child tables. It is empty where no row is. Where
	// one side is deleted and the other is not, it is "deleted" alone: a tombstone has nothing else to compare. Versions are not compared, for two
	// observations of the same state have two.
	Differs []string
}

// Comparer is a KindState projection that tells how decoded rows compare with what its tables have, without writing.
type Comparer interface {
	Projection
	// Compare returns one Standing for each row, in the rows' order; no two rows have the same key. It compares the very values that Write would
	// write, as Postgres does: JSON by value, so neither the order of names nor blanks make a difference. It only reads, in a read-only
	// transaction too, and holds all rows in one request: a page of the API is a good number.
	Compare(ctx context.Context, tx pgx.Tx, tables string, rows []Row) ([]Standing, error)
}

// Compare implements Comparer.
func (s *State[T]) Compare(ctx context.Context, tx pgx.Tx, tables string, rows []Row) ([]Standing, error) {
	in := s.input(tables)
	// First what is there at all: a missing row's documents need not be parsed, and parsing is most of the cost.
	before, err := in.look(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	none := bytes.Repeat(appendNull(nil), len(in.documents))
	there := make([]string, 0, len(before))
	for i := range rows {
		if _, ok := before[rows[i].Key]; !ok {
			continue
		}
		row := encoded{rows[i].fields, rows[i].documents}
		if row[1] == nil {
			row[1] = none
		}
		in.rows, there = append(in.rows, row), append(there, rows[i].Key)
	}
	slices.Sort(there)
	differs, err := in.compare(ctx, tx)
	if err != nil {
		return nil, err
	}
	for i := range s.Children {
		if err := s.Children[i].compare(ctx, tx, tables, i, rows, there, differs); err != nil {
			return nil, err
		}
	}
	standings := make([]Standing, len(rows))
	for i := range rows {
		standings[i] = Standing{Key: rows[i].Key, Stored: before[rows[i].Key].version, Differs: differs[rows[i].Key]}
	}
	return standings, nil
}

// uncompared are columns that say nothing about the entity. The hash of documents is that of their text, which may differ where no value does; that of
// children is of their values, and a wrong one would mislead the next write.
var uncompared = []string{"id", "version", "deleted", "documents_hash"}

// compare names the columns in which the input differs from the table's rows. Rows that are equal or not there are not in the result.
func (in *input) compare(ctx context.Context, tx pgx.Tx) (map[string][]string, error) {
	if len(in.rows) == 0 {
		return map[string][]string{}, nil
	}
	names := make([]string, 0, len(in.names))
	for _, n := range in.names {
		if !slices.Contains(uncompared, n) {
			// No name of a column holds a quote: all are of this package's or a service's own code.
			names = append(names, `case when t.`+quote(n)+` is distinct from input.`+quote(n)+` then '`+n+`' end`)
		}
	}
	// Never by COPY: a temporary table would compress the documents only to have them read once, and takes a transaction that may write.
	result, err := in.runArrays(ctx, tx, `select id, differs
from (
	select input.id, case when t.deleted <> input.deleted then 'deleted' else concat_ws(',', `+strings.Join(names, ", ")+`) end as differs
	from input join `+in.target()+` t on t.id = input.id
) as compared
where differs <> ''`)
	if err != nil {
		return nil, fmt.Errorf("compare with %s: %w", in.table, err)
	}
	differs := make(map[string][]string, len(result.Rows))
	for _, r := range result.Rows {
		differs[string(r[0])] = strings.Split(string(r[1]), ",")
	}
	return differs, nil
}

// compare adds the child table's name to what differs of the entities whose stored children are not the row's. The stored ones come as Postgres' binary
// values, which is what the row's are encoded as, so equal rows are equal bytes.
func (c *Child[T]) compare(ctx context.Context, tx pgx.Tx, tables string, index int, rows []Row, owners []string, differs map[string][]string) error {
	if len(owners) == 0 {
		return nil
	}
	in := c.input(tables)
	found, err := tx.Query(ctx, `
select `+in.columns("t.")+`
from unnest($1::text[]) as i(id)
join `+in.target()+` t on t.`+quote(c.Owner)+` = i.id`, pgx.QueryResultFormats{pgx.BinaryFormatCode}, owners)
	if err != nil {
		return fmt.Errorf("compare with %s: %w", c.Name, err)
	}
	stored := make(map[string][][]byte, len(owners))
	for found.Next() {
		var row []byte
		for _, value := range found.RawValues() {
			row = appendRaw(row, value)
		}
		owner := string(found.RawValues()[0])
		stored[owner] = append(stored[owner], row)
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("compare with %s: %w", c.Name, err)
	}
	for i := range rows {
		key := rows[i].Key
		if _, there := slices.BinarySearch(owners, key); !there || slices.Equal(differs[key], []string{"deleted"}) {
			continue
		}
		if !bytes.Equal(packed(stored[key]), rows[i].children[index]) {
			differs[key] = append(differs[key], c.Name)
		}
	}
	return nil
}

// appendRaw encodes a field that Postgres sent in binary.
func appendRaw(b, value []byte) []byte {
	if value == nil {
		return appendNull(b)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
}

// packed is rows in the form and order of ChildRows.sorted.
func packed(rows [][]byte) []byte {
	slices.SortFunc(rows, bytes.Compare)
	var out []byte
	for _, row := range rows {
		out = binary.BigEndian.AppendUint32(out, uint32(len(row)))
		out = append(out, row...)
	}
	return out
}
