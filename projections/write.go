package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
	rows          []encoded
	// children says that the table has children_hash; documents names its JSON columns, for which it has documents_hash.
	children  bool
	documents []string
}

// stored is what is known of a row that is there: its version, and the hashes of what belongs to it, nil for a tombstone.
type stored struct {
	version             events.Version
	children, documents hash
}

// errMeanwhile says that a row changed between the look and the write, which the checkpoint's lock should make impossible.
var errMeanwhile = errors.New("rows changed under the writer")

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

// look reads what is stored of the rows.
func (in *input) look(ctx context.Context, tx pgx.Tx, rows []Row) (map[string]stored, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].Key
	}
	children, documents := "null::bytea", "null::bytea"
	if in.children {
		children = "t.children_hash"
	}
	if len(in.documents) > 0 {
		documents = "t.documents_hash"
	}
	// Not "= any": its cached plan may be a scan of the whole table for each id, if the table was tiny when the plan was made.
	found, err := tx.Query(ctx, `
select t.id, t.version, `+children+`, `+documents+`
from unnest($1::text[]) as i(id)
join `+in.target()+` t using (id)`, ids)
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", in.table, err)
	}
	before := make(map[string]stored, len(rows))
	var (
		id, version string
		one         stored
	)
	_, err = pgx.ForEachRow(found, []any{&id, &version, &one.children, &one.documents}, func() error {
		one.version = events.Version(version)
		before[id] = one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", in.table, err)
	}
	return before, nil
}

// upsert inserts or replaces rows by id where the new version is greater. This comparison is the version gate: with it the result does not
// depend on the order of arrival. Documents whose hash is the stored one stay as they are, and the input need not have
// them, unless the rows are to be written afresh.
func (in *input) upsert(ctx context.Context, tx pgx.Tx, afresh bool) error {
	if len(in.rows) == 0 {
		return nil
	}
	sets := make([]string, 0, len(in.names))
	for _, n := range in.names[1:] {
		value := "excluded." + quote(n)
		if !afresh && slices.Contains(in.documents, n) {
			value = "case when t.documents_hash = excluded.documents_hash then t." + quote(n) + " else " + value + " end"
		}
		sets = append(sets, quote(n)+" = "+value)
	}
	result, err := in.run(ctx, tx, `insert into `+in.target()+` as t (`+in.columns("")+`)
select `+in.columns("input.")+` from input
on conflict (id) do update set `+strings.Join(sets, ", ")+`
where t.version < excluded.version`)
	if err != nil {
		return fmt.Errorf("write %s: %w", in.table, err)
	}
	if n := result.CommandTag.RowsAffected(); n != int64(len(in.rows)) {
		return fmt.Errorf("write %s: %d of %d rows: %w", in.table, n, len(in.rows), errMeanwhile)
	}
	return nil
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

// load copies rows straight into a table that holds none of them.
func (in *input) load(ctx context.Context, tx pgx.Tx) error {
	if len(in.rows) == 0 {
		return nil
	}
	_, err := tx.Conn().PgConn().CopyFrom(ctx, newCopyStream(len(in.types), in.rows), `copy `+in.target()+` (`+in.columns("")+`) from stdin (format binary)`)
	if err != nil {
		return fmt.Errorf("load %s: %w", in.table, err)
	}
	return nil
}

// run executes statement with input in front of it and returns its result, in binary.
func (in *input) run(ctx context.Context, tx pgx.Tx, statement string) (*pgconn.Result, error) {
	if len(in.rows) >= copyFrom {
		return in.runCopied(ctx, tx, statement)
	}
	return in.runArrays(ctx, tx, statement)
}

func (in *input) runArrays(ctx context.Context, tx pgx.Tx, statement string) (*pgconn.Result, error) {
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
	return result, result.Err
}

func (in *input) runCopied(ctx context.Context, tx pgx.Tx, statement string) (*pgconn.Result, error) {
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
	return result, result.Err
}
