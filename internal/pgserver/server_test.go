package pgserver

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

// query runs a statement that gives one text, over a connection of its own.
func query(ctx context.Context, url, statement string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var answer string
	err = conn.QueryRow(ctx, statement).Scan(&answer)
	return answer, err
}

func mustQuery(t *testing.T, url, statement string) string {
	t.Helper()
	answer, err := query(t.Context(), url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return answer
}

func mustExec(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func TestAnswersOnSocketAndOnTCPAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Listen: true})
	if !strings.Contains(s.URL("postgres"), "127.0.0.1") || strings.Contains(s.SocketURL("postgres"), "127.0.0.1") {
		t.Fatalf("URL and SocketURL are the wrong way round: %s", s.SocketURL("postgres"))
	}
	for _, url := range []string{s.URL("postgres"), s.SocketURL("postgres")} {
		if got := mustQuery(t, url, "SELECT '1'"); got != "1" {
			t.Errorf("SELECT 1 gives %s", got)
		}
	}
	if who := mustQuery(t, s.SocketURL("postgres"), "SELECT coalesce(inet_server_addr()::text, 'socket')"); who != "socket" {
		t.Errorf("SocketURL connects to %s", who)
	}
	pid := s.process.cmd.Process.Pid
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(s.Dir()) || isPostmaster(pid, s.folders.data) {
		t.Errorf("left behind: folder %v, process %v", !gone(s.Dir()), isPostmaster(pid, s.folders.data))
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("a second stop: %v", err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("restart after stop: %v, want ErrStopped", err)
	}
}

func TestWithoutListenThereIsNoPort(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	if got := mustQuery(t, s.URL("postgres"), "SELECT current_setting('listen_addresses')"); got != "" {
		t.Errorf("listens at %q", got)
	}
	if got := mustQuery(t, s.URL("postgres"), "SELECT current_setting('fsync') || current_setting('synchronous_commit')"); got != "offon" {
		t.Errorf("fsync and synchronous_commit: %s", got)
	}
}

func TestTCPNeedsThePassword(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Listen: true})
	for name, password := range map[string]string{"none": "", "wrong": "postgres"} {
		url := strings.Replace(s.URL("postgres"), s.password, password, 1)
		_, err := query(t.Context(), url, "SELECT '1'")
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "28P01" {
			if err == nil || password != "" {
				t.Errorf("password %s: %v", name, err)
			}
		}
	}
	if len(s.password) < 32 || strings.Contains(s.Log(), s.password) {
		t.Error("the password is short or in the log")
	}
}

func TestTwoAtOnceAndOnATakenPort(t *testing.T) {
	t.Parallel()
	// On a machine with a Postgres of its own this is taken already.
	if l, err := net.Listen("tcp", "127.0.0.1:5432"); err == nil {
		t.Cleanup(func() { l.Close() })
	}
	servers := make([]*Server, 2)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			s, err := Start(t.Context(), Options{Listen: true})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
		})
	}
	wg.Wait()
	var ids []string
	for _, s := range servers {
		if s == nil {
			t.FailNow()
		}
		t.Cleanup(func() { s.Stop(context.Background()) })
		ids = append(ids, mustQuery(t, s.URL("postgres"), "SELECT system_identifier::text FROM pg_control_system()"))
	}
	if ids[0] == ids[1] {
		t.Error("both are the same server")
	}
}

func TestCreateDatabaseFromTemplate(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	if err := s.CreateDatabase(t.Context(), "template_crm", ""); err != nil {
		t.Fatal(err)
	}
	mustExec(t, s.URL("template_crm"), "CREATE TABLE t (v text)", "INSERT INTO t VALUES ('copied')")
	const odd = `Odd "name"; with; all/of?it%`
	if err := s.CreateDatabase(t.Context(), odd, "template_crm"); err != nil {
		t.Fatal(err)
	}
	if got := mustQuery(t, s.URL(odd), "SELECT v FROM t"); got != "copied" {
		t.Errorf("copy holds %q", got)
	}
	if err := s.CreateDatabase(t.Context(), odd, ""); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("the same name again: %v", err)
	}
}

func TestSettingsWin(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Durable: true, Settings: map[string]string{
		"max_connections": "7", "clerk.greeting": `it's a \ test`, "timezone": "Europe/Berlin",
	}})
	for setting, want := range map[string]string{
		"max_connections": "7", "clerk.greeting": `it's a \ test`, "timezone": "Europe/Berlin", "fsync": "on",
	} {
		if got := mustQuery(t, s.URL("postgres"), "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestWrongSettingFailsWithTheServersOwnWords(t *testing.T) {
	t.Parallel()
	var dir string
	for _, settings := range []map[string]string{
		{"no_such_setting": "1"}, {"max_connections": "many"}, {"a b": "1"}, {"work_mem": "1\nport = 1"},
	} {
		s, err := Start(t.Context(), Options{Settings: settings})
		if err == nil {
			s.Stop(t.Context())
			t.Fatalf("%v is accepted", settings)
		}
		for name := range settings {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("error does not name %s: %v", name, err)
			}
		}
		if _, rest, ok := strings.Cut(err.Error(), "start postgres in "); ok {
			dir, _, _ = strings.Cut(rest, ":")
			if !gone(dir) {
				t.Errorf("%s is left behind", dir)
			}
		}
	}
	if dir == "" {
		t.Error("no error named the folder")
	}
}

func TestCommitsSurviveAnImmediateStop(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Listen: true})
	before := s.URL("postgres")
	mustExec(t, before, "CREATE TABLE t (v text)", "INSERT INTO t VALUES ('kept')")
	if err := s.StopImmediate(); err != nil {
		t.Fatal(err)
	}
	if _, err := query(t.Context(), before, "SELECT '1'"); err == nil {
		t.Error("a stopped server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.URL("postgres") != before {
		t.Error("the address has changed")
	}
	if got := mustQuery(t, before, "SELECT v FROM t"); got != "kept" {
		t.Errorf("row is %q", got)
	}
	if !strings.Contains(s.Log(), "automatic recovery in progress") {
		t.Errorf("the stop was not a crash: %s", s.Log())
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Errorf("restart of a running server: %v", err)
	}
	mustQuery(t, before, "SELECT v FROM t")
}

func TestEndOfTheContextStopsIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := s.process.cmd.Process.Pid
	cancel()
	eventually(t, "the folder is gone", func() bool { return gone(s.Dir()) })
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if isPostmaster(pid, s.folders.data) {
		t.Error("postgres still runs")
	}
	if !strings.Contains(s.Log(), "database system is shut down") {
		t.Errorf("not a clean stop: %s", s.Log())
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	base, err := baseFolder(mustAccount(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond} {
		dir := filepath.Join(base, "cancelled-"+after.String())
		ctx, cancel := context.WithTimeout(t.Context(), after)
		s, err := Start(ctx, Options{Dir: dir})
		cancel()
		if err == nil {
			s.Stop(t.Context()) // a fast machine
		}
		if !gone(dir) {
			t.Errorf("cancelled after %s: %s is left (%v)", after, dir, err)
		}
	}
}

func mustAccount(t *testing.T) account {
	t.Helper()
	a, err := chooseAccount("")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStopWithoutTimeKills(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("stop: %v, want that it had no time", err)
	}
	if !gone(s.Dir()) {
		t.Error("the folder is left")
	}
}
