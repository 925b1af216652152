package projections

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// copyFrom is the number of rows from which COPY into a temporary table beats arrays: 33 against 44 µs of Postgres' CPU a user at thousands of rows. Where
// exactly the two cross below that was not measured; a batch of this size takes milliseconds either way.
const copyFrom = 500

// input is encoded rows on their way into a table: as one array parameter per column, or, when they are many, as a COPY into a temporary
// table. Both are one statement that Postgres sees as a table called input.
type input struct {
	tables, table string
	names         []string
	types         []ColumnType
	rows          [][]byte
}

// change is what an applied row replaced.
type change struct{ before int64 }

func (in *input) add(name string, t ColumnType) {
	in.names, in.types = append(in.names, name), append(in.types, t)
}

func (in *input) columns(prefix string) string {
	list := make([]string, len(in.names))
	for i, n := range in.names {
		list[i] = prefix + quote(n)
	}
	return strings.Join(list, ", ")
}

func (in *input) target() string { return quote(in.tables) + "." + quote(in.table) }

// upsert inserts or replaces rows by id where the new version is greater, and tells which ids it wrote. This comparison is the version gate:
// with it the result does not depend on the order of arrival.
func (in *input) upsert(ctx context.Context, tx pgx.Tx, children bool) (map[string]change, error) {
	sets := make([]string, 0, len(in.names))
	for _, n := range in.names[1:] {
		value := "excluded." + quote(n)
		if n == "children_hash_before" {
			value = "t.children_hash"
		}
		sets = append(sets, quote(n)+" = "+value)
	}
	before := "0"
	if children {
		before = "children_hash_before"
	}
	rows, err := in.run(ctx, tx, `insert into `+in.target()+` as t (`+in.columns("")+`)
select `+in.columns("input.")+` from input
on conflict (id) do update set `+strings.Join(sets, ", ")+`
where t.version < excluded.version
returning id, `+before)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", in.table, err)
	}
	applied := make(map[string]change, len(rows))
	for _, r := range rows {
		var c change
		if children {
			c.before = int64(binary.BigEndian.Uint64(r[1]))
		}
		applied[string(r[0])] = c
	}
	return applied, nil
}

// insert adds rows to a table that holds none of them.
func (in *input) insert(ctx context.Context, tx pgx.Tx) error {
	if len(in.rows) == 0 {
		return nil
	}
	if _, err := in.run(ctx, tx, `insert into `+in.target()+` (`+in.columns("")+`) select `+in.columns("input.")+` from input`); err != nil {
		return fmt.Errorf("write %s: %w", in.table, err)
	}
	return nil
}

// run executes statement with input in front of it and returns the rows it gives back, in binary.
func (in *input) run(ctx context.Context, tx pgx.Tx, statement string) ([][][]byte, error) {
	if len(in.rows) >= copyFrom {
		return in.runCopied(ctx, tx, statement)
	}
	params := make([]string, len(in.types))
	formats := make([]int16, len(in.types))
	for i, t := range in.types {
		params[i] = fmt.Sprintf("$%d::%s[]", i+1, t)
		formats[i] = pgx.BinaryFormatCode
	}
	statement = `with input as (select * from unnest(` + strings.Join(params, ", ") + `) as i(` + in.columns("") + `))
` + statement
	prepared, err := tx.Conn().Prepare(ctx, statement, statement)
	if err != nil {
		return nil, err
	}
	result := tx.Conn().PgConn().ExecPrepared(ctx, prepared.Name, arrays(in.types, in.rows), formats, []int16{pgx.BinaryFormatCode}).Read()
	return result.Rows, result.Err
}

func (in *input) runCopied(ctx context.Context, tx pgx.Tx, statement string) ([][][]byte, error) {
	conn := tx.Conn().PgConn()
	stage := quote("input_" + in.table)
	// The table outlives the transaction but not its rows; if this transaction rolls back, the next one makes it again. A second write of the same
	// table in one transaction (the halving that isolates a poison message) finds the first one's rows; the delete costs nothing when there are none.
	create := `create temporary table if not exists ` + stage + ` on commit delete rows as select ` + in.columns("") + ` from ` + in.target() + ` limit 0;
delete from pg_temp.` + stage
	if err := conn.Exec(ctx, create).Close(); err != nil {
		return nil, err
	}
	if _, err := conn.CopyFrom(ctx, newCopyStream(len(in.types), in.rows), `copy pg_temp.`+stage+` (`+in.columns("")+`) from stdin (format binary)`); err != nil {
		return nil, err
	}
	result := conn.ExecParams(ctx, `with input as (select * from pg_temp.`+stage+`)
`+statement, nil, nil, nil, []int16{pgx.BinaryFormatCode}).Read()
	return result.Rows, result.Err
}

// outcome sorts what was not applied into rows that were there already and rows that came too late. It costs a query only when there are any.
func outcome(ctx context.Context, tx pgx.Tx, tables, table string, rows []Row, applied map[string]change) (Outcome, error) {
	o := Outcome{Applied: make([]string, 0, len(applied))}
	late := map[string]events.Version{}
	var ids []string
	for i := range rows {
		if _, ok := applied[rows[i].Key]; ok {
			o.Applied = append(o.Applied, rows[i].Key)
			continue
		}
		late[rows[i].Key] = rows[i].Version
		ids = append(ids, rows[i].Key)
	}
	if len(ids) == 0 {
		return o, nil
	}
	found, err := tx.Query(ctx, `select id, version from `+quote(tables)+`.`+quote(table)+` where id = any($1)`, ids)
	if err != nil {
		return o, fmt.Errorf("read versions of %s: %w", table, err)
	}
	var id, version string
	_, err = pgx.ForEachRow(found, []any{&id, &version}, func() error {
		if late[id] == events.Version(version) {
			o.Duplicates++
		} else {
			o.Stale++
		}
		return nil
	})
	if err != nil {
		return o, fmt.Errorf("read versions of %s: %w", table, err)
	}
	return o, nil
}
