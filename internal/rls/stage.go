package rls

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// person is a user in an organization: who asks, or whom a row belongs to. Empty is none.
type person struct{ name, org, user string }

// identity is what a transaction claims.
type identity struct {
	person
	// unset leaves the settings as they are, which before anything was set on the connection is not the same as empty.
	unset bool
}

// stage is one transaction on which things are tried. All that happens on it is rolled back.
type stage struct {
	tx pgx.Tx
	// free says that session_replication_role is replica: no trigger fires and no foreign key is asked. That needs a superuser.
	free bool
	// tries counts the attempts.
	tries int
	// undo ends the last try. It is sent along with what comes next: a trial is round trips above all.
	undo string
}

// open begins a transaction in which nothing waits long: neither for locks, so as not to stand in a queue before others, nor for itself.
func open(ctx context.Context, db Database, timeout time.Duration) (*stage, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	s := &stage{tx: tx}
	if _, err = tx.Exec(ctx, fmt.Sprintf(`set local lock_timeout = '2s'; set local statement_timeout = %d`, timeout.Milliseconds())); err != nil {
		s.close(ctx)
		return nil, fmt.Errorf("set timeouts: %w", err)
	}
	if s.free, err = s.attempt(ctx, `set local session_replication_role = replica`); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *stage) close(ctx context.Context) {
	_ = s.tx.Rollback(context.WithoutCancel(ctx))
}

// settle undoes the last try.
func (s *stage) settle(ctx context.Context) error {
	if s.undo == "" {
		return nil
	}
	undo := s.undo
	s.undo = ""
	if _, err := s.tx.Conn().PgConn().Exec(ctx, undo).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", undo, err)
	}
	return nil
}

// attempt runs a statement that Postgres may refuse, and keeps what it did when it did not.
func (s *stage) attempt(ctx context.Context, sql string) (done bool, err error) {
	if err := s.settle(ctx); err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, s.tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql)
		return err
	})
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return false, nil
	}
	return err == nil, err
}

// outcome is what came back from a statement.
type outcome struct {
	values []string // the first column, of a query
	rows   int64
	// code is the SQLSTATE of a refusal, empty for none.
	code, message string
}

const (
	denied         = "42501" // no privilege, or a policy's check: Postgres has one code for both
	uniqueTaken    = "23505"
	checkFails     = "23514"
	unknownSetting = "42704"
	tooMany        = "22012" // division by zero, with which a sweep stops
)

func (o outcome) String() string {
	if o.code != "" {
		return fmt.Sprintf("%s (%s)", o.message, o.code)
	}
	return counted(int(o.rows), "row", "rows")
}

// stuck says that Postgres gave up for reasons that have nothing to do with who asked.
func (o outcome) stuck() bool {
	switch o.code {
	case "57014", "55P03", "40P01", "40001":
		return true
	}
	return strings.HasPrefix(o.code, "53") || strings.HasPrefix(o.code, "58") || strings.HasPrefix(o.code, "XX")
}

// try runs one statement in a role and as an identity, and undoes it. args of a statement are text.
func (s *stage) try(ctx context.Context, role string, id identity, sql string, args ...any) (o outcome, err error) {
	return s.tryAfter(ctx, "", role, id, sql, args...)
}

// tryAfter is try with something that the login itself does first.
func (s *stage) tryAfter(ctx context.Context, first, role string, id identity, sql string, args ...any) (o outcome, err error) {
	s.tries++
	return s.run(ctx, first+become(role, id), undoTry, sql, args...)
}

func become(role string, id identity) (sql string) {
	if role != "" {
		sql += "set local role " + quote(role) + ";"
	}
	if !id.unset {
		sql += fmt.Sprintf("select set_config('clerk.org_id', %s, true), set_config('clerk.user_id', %s, true);", literal(id.org), literal(id.user))
	}
	return sql
}

const undoTry = "rollback to savepoint try; release savepoint try;"

// run sends a statement after another one, in a savepoint that is undone when the statement fails, and otherwise ended as after says. Only the statement itself
// may fail.
func (s *stage) run(ctx context.Context, before, after, sql string, args ...any) (o outcome, err error) {
	before = s.undo + "savepoint try;" + before
	s.undo = undoTry
	if _, err := s.tx.Conn().PgConn().Exec(ctx, before).ReadAll(); err != nil {
		return o, fmt.Errorf("%s: %w", strings.TrimSuffix(before, ";"), err)
	}
	// No prepared statements: their plans were made for another role, and the next try differs anyway.
	rows, err := s.tx.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err == nil {
		for rows.Next() {
			if raw := rows.RawValues(); len(raw) > 0 {
				o.values = append(o.values, string(raw[0]))
			}
		}
		rows.Close()
		err, o.rows = rows.Err(), rows.CommandTag().RowsAffected()
	}
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return outcome{code: pg.Code, message: pg.Message}, nil
	case err != nil:
		return o, fmt.Errorf("%s: %w", sql, err)
	}
	s.undo = after
	return o, nil
}

// keep is try for what the tries need: it stays, but for role and settings.
func (s *stage) keep(ctx context.Context, role string, id identity, sql string, args ...any) (outcome, error) {
	// A savepoint that is released leaves its settings behind.
	after := "release savepoint try;"
	if role != "" {
		after += "set local role none;"
	}
	if !id.unset {
		after += "select set_config('clerk.org_id', '', true), set_config('clerk.user_id', '', true);"
	}
	return s.run(ctx, become(role, id), after, sql, args...)
}
