package projector

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"
)

// ChangeKind is in which way two read models differ.
type ChangeKind string

// The kinds of rows. "Added" is what only the second of the two has, "removed" what only the first has.
const (
	ChangeAdded   ChangeKind = "added"
	ChangeRemoved ChangeKind = "removed"
	ChangeChanged ChangeKind = "changed"
)

// The kinds of structure. What they name is listed and not compared.
const (
	ChangeTableAdded    ChangeKind = "table added"
	ChangeTableRemoved  ChangeKind = "table removed"
	ChangeColumnAdded   ChangeKind = "column added"
	ChangeColumnRemoved ChangeKind = "column removed"
	ChangeColumnType    ChangeKind = "column type"
)

// TableComparison is what a comparison found in one table. Live is the generation that readers see, Other what it was compared with.
type TableComparison struct {
	Table string  `json:"table"`
	Live  Content `json:"live"`
	Other Content `json:"other"`
	// Changes are the differing rows, grouped by kind and by the set of columns that differ.
	Changes []Change `json:"changes,omitempty"`
	// Apart is what only one of the two has, or has in another type.
	Apart []Apart `json:"apart,omitempty"`
}

// Content sums up a table: the number of its rows, and a hash that does not depend on their order. The hash is made for finding accidents, not
// for withstanding somebody who can write to the table and wants to hide it. A table that only the other side has is empty.
type Content struct {
	Rows int64  `json:"rows"`
	Hash string `json:"hash"`
}

// Change is the rows of one table that differ in the same way.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Columns differ in each of the rows; none for rows that are added or removed.
	Columns []string `json:"columns,omitempty"`
	Rows    int64    `json:"rows"`
	// Samples are the first of the rows in the order of their keys.
	Samples []Sample `json:"samples"`
}

// Sample is one differing row. Values are as Postgres writes them, nil for NULL; unless values were asked for, all that may be personal data stands
// masked, as its type and length. A row of a table without a primary key is named by the hash of its content.
type Sample struct {
	Key    []Value `json:"key"`
	Before []Value `json:"before,omitempty"`
	After  []Value `json:"after,omitempty"`
}

// Value is one column of a sample.
type Value struct {
	Column string  `json:"column"`
	Text   *string `json:"value"`
}

// Apart is a table or column that could not be compared. Live and Other are its types.
type Apart struct {
	Kind   ChangeKind `json:"kind"`
	Column string     `json:"column,omitempty"`
	Live   string     `json:"live,omitempty"`
	Other  string     `json:"other,omitempty"`
}

// differing counts the rows that differ.
func (t *TableComparison) differing() (rows int64) {
	for i := range t.Changes {
		rows += t.Changes[i].Rows
	}
	return rows
}

func differing(all []TableComparison) (rows int64) {
	for i := range all {
		rows += all[i].differing()
	}
	return rows
}

// comparison is the order to compare the tables of two schemas. It looks at the catalog alone, for the code behind either may not be at hand.
type comparison struct {
	live, other string // schemas
	// tables are those to compare; whatever else lies in the schemas is somebody's.
	tables []string
	ignore []string // columns
	// samples bounds the rows that are named of each group.
	samples int
	show    bool // values, also personal data
	// only limits tables to the rows whose column has one of the values. A table that is not in it is compared whole.
	only map[string]restriction
}

type restriction struct {
	column string
	values []string
}

// compare must run in one transaction that sees both sides at one moment.
func (c *comparison) compare(ctx context.Context, q queryer) ([]TableComparison, error) {
	live, err := tablesIn(ctx, q, c.live, c.tables)
	if err != nil {
		return nil, err
	}
	other, err := tablesIn(ctx, q, c.other, c.tables)
	if err != nil {
		return nil, err
	}
	tables := slices.Clone(c.tables)
	slices.Sort(tables)
	var found []TableComparison
	for _, name := range slices.Compact(tables) {
		one := TableComparison{Table: name}
		p := c.pair(name, live[name], other[name], &one)
		if p == nil {
			if one.Apart != nil {
				found = append(found, one)
			}
			continue
		}
		if err := c.compareTable(ctx, q, p, &one); err != nil {
			return nil, fmt.Errorf("compare %s: %w", name, err)
		}
		found = append(found, one)
	}
	return found, nil
}

// compareTable looks for rows only where the contents differ: in a healthy database each side is read once.
func (c *comparison) compareTable(ctx context.Context, q queryer, p *tablePair, into *TableComparison) (err error) {
	if into.Live, err = readContent(ctx, q, p, c.live); err != nil {
		return err
	}
	if into.Other, err = readContent(ctx, q, p, c.other); err != nil || into.Live == into.Other {
		return err
	}
	rows, err := q.Query(ctx, p.differences(c.live, c.other), p.arguments(c.samples)...)
	if err != nil {
		return err
	}
	var (
		kind          ChangeKind
		columns       []string
		count         int64
		key           []string
		before, after []*string
		group         *Change
	)
	_, err = pgx.ForEachRow(rows, []any{&kind, &columns, &count, &key, &before, &after}, func() error {
		if group == nil || group.Kind != kind || !slices.Equal(group.Columns, columns) {
			into.Changes = append(into.Changes, Change{Kind: kind, Columns: columns, Rows: count})
			group = &into.Changes[len(into.Changes)-1]
		}
		group.Samples = append(group.Samples, Sample{p.keyValues(key, c.show), p.values(before, columns, c.show), p.values(after, columns, c.show)})
		return nil
	})
	slices.SortStableFunc(into.Changes, func(a, b Change) int { return cmp.Compare(b.Rows, a.Rows) })
	return err
}

func readContent(ctx context.Context, q queryer, p *tablePair, schema string) (c Content, err error) {
	var sum string
	if err := q.QueryRow(ctx, p.content(schema), p.arguments()...).Scan(&c.Rows, &sum); err != nil {
		return c, err
	}
	n, ok := new(big.Int).SetString(sum, 10)
	if !ok {
		return c, fmt.Errorf("content hash of %s is %q", schema, sum)
	}
	// Mod is never negative, so one sum has one form.
	c.Hash = fmt.Sprintf("%016x", n.Mod(n, new(big.Int).Lsh(big.NewInt(1), 64)))
	return c, nil
}
