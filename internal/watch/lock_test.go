package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// login makes a login of a role, and returns the database's URL for it.
func login(t testing.TB, url, role string) string {
	t.Helper()
	conn := testkit.Connect(t, url)
	name := role + "_" + conn.Config().Database
	if _, err := conn.Exec(t.Context(), `do $$ begin create role `+name+` login in role `+role+`; exception when duplicate_object then end $$`); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(url, conn.Config().User+"@", name+"@", 1)
}

func quiet(context.Context, *pgx.Conn) error { return nil }

func TestTheSecondIsToldWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	url := login(t, database, "clerkstream_watcher")
	first, err := take(t.Context(), url, "watch", "prod")
	if err != nil {
		t.Fatal(err)
	}
	for name, as := range map[string]string{"the same login": url, "a superuser": database} {
		var held *HeldError
		_, err := take(t.Context(), as, "backfill", "prod")
		if !errors.As(err, &held) {
			t.Fatalf("%s: the second got %v", name, err)
		}
		if want := fmt.Sprintf("clerkstream watch prod, process %d on", os.Getpid()); !strings.HasPrefix(held.By, want) || time.Since(held.Since) > time.Hour {
			t.Errorf("%s: the holder is %q since %s, want %q", name, held.By, held.Since, want)
		}
	}
	other, err := take(t.Context(), url, "watch", "staging")
	if err != nil {
		t.Fatalf("control: the lock of another instance: %v", err)
	}
	other.release(t.Context())
	first.release(t.Context())
	testkit.Eventually(t, func() error { // Postgres gives it back when it has seen the connection's end
		again, err := take(t.Context(), url, "backfill", "prod")
		if err == nil {
			again.release(t.Context())
		}
		return err
	})
}

func TestALostConnectionEndsTheLock(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	l, err := take(t.Context(), login(t, database, "clerkstream_watcher"), "watch", "prod")
	if err != nil {
		t.Fatal(err)
	}
	defer l.release(context.Background())
	ended := make(chan error, 1)
	var beats atomic.Int64
	go func() {
		ended <- l.keep(t.Context(), time.Nanosecond, func(context.Context, *pgx.Conn) error {
			beats.Add(1)
			return l.conn.Ping(context.Background())
		})
	}()
	testkit.Eventually(t, func() error {
		if beats.Load() < 2 {
			return errors.New("no heartbeat")
		}
		return nil
	})
	select {
	case err := <-ended:
		t.Fatalf("control: it ended by itself with %v", err)
	default:
	}
	if _, err := testkit.Connect(t, database).Exec(t.Context(), `select pg_terminate_backend($1)`, l.conn.PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrLockLost) {
		t.Errorf("it ended with %v", err)
	}
}

func TestALockThatIsKeptEndsWithItsContextOnly(t *testing.T) {
	t.Parallel()
	l, err := take(t.Context(), stack.Database(t), "watch", "prod")
	if err != nil {
		t.Fatal(err)
	}
	defer l.release(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.keep(ctx, time.Hour, quiet); err != nil {
		t.Error(err)
	}
	if l.conn.IsClosed() {
		t.Error("the connection is closed, and the lock given back before the work has ended")
	}
}

func TestADatabaseThatIsNotReadyIsRefused(t *testing.T) {
	t.Parallel()
	database := stack.Database(t)
	if _, err := take(t.Context(), login(t, database, "clerkstream_reader"), "watch", "prod"); err == nil || !strings.Contains(err.Error(), "clerkstream_watcher") {
		t.Errorf("a reader got %v", err)
	}
	if _, err := take(t.Context(), "postgres://127.0.0.1:1/x?password=hush", "watch", "prod"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody there: %v", err)
	}
	old := testkit.Connect(t, database)
	if _, err := old.Exec(t.Context(), `update clerkstream.schema_version set version = version - 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t.Context(), database, "watch", "prod"); err == nil || !strings.Contains(err.Error(), "clerkstream migrate") {
		t.Errorf("an old schema: %v", err)
	}
}
