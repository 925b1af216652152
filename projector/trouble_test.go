package projector

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit/sequencelog"
	"github.com/clerkstream/clerkstream/projections"
)

// troubling is the name of the messages inside whose transaction something happens to the leader.
const troubling = "trouble"

// troubled is the sequences read model in a process to which something happens inside a statement.
type troubled struct {
	sequencelog.Projection
	statement func(ctx context.Context, tx pgx.Tx) error
}

// troubles are what can happen, by the mode of the child to which it does.
var troubles = map[string]func(ctx context.Context, tx pgx.Tx) error{
	"long": func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `select pg_sleep(50)`)
		return err
	},
	"stopped copy": func(ctx context.Context, tx pgx.Tx) error {
		return copyLines(ctx, tx, &lines{left: 5, before: func(left int) {
			if left == 2 {
				stopHere()
			}
		}})
	},
	"slow copy": func(ctx context.Context, tx pgx.Tx) error {
		return copyLines(ctx, tx, &lines{left: int(idleTimeout/time.Second) + 3, before: func(int) { time.Sleep(time.Second) }})
	},
	"stopped result": func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select repeat('x', 1000) from generate_series(1, 20000)`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for n := 0; rows.Next(); n++ {
			if n == 0 {
				stopHere()
			}
		}
		return rows.Err()
	},
}

// Write implements projections.Projection.
func (p troubled) Write(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) (projections.Outcome, error) {
	outcome, err := p.Projection.Write(ctx, tx, tables, rows)
	for i := range rows {
		if err == nil && strings.Contains(rows[i].Key, troubling) {
			err = p.statement(ctx, tx)
		}
	}
	return outcome, err
}

// stopHere stops the whole process; it goes on from here when somebody wakes it. The signal alone would not do: the threads that it does not reach first
// go on for a moment.
func stopHere() {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-woken
}

// copyLines copies from r the way that large batches are.
func copyLines(ctx context.Context, tx pgx.Tx, r io.Reader) error {
	conn := tx.Conn().PgConn()
	if err := conn.Exec(ctx, `create temporary table if not exists lines (line text) on commit delete rows`).Close(); err != nil {
		return err
	}
	_, err := conn.CopyFrom(ctx, r, `copy pg_temp.lines from stdin`)
	return err
}

// lines is a source that something happens to between two reads.
type lines struct {
	left   int
	before func(left int)
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	l.before(l.left)
	l.left--
	return copy(p, strings.Repeat("x", 10_000)+"\n"), nil
}
