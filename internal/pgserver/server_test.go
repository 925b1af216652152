package pgserver

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
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

// One server, for initdb takes a second. Each step needs the server only.
func TestServerFromStartToStop(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Listen: true})
	answersOnSocketAndTCP(t, s)
	if got := mustQuery(t, s.URL("postgres"), "SELECT current_setting('fsync') || current_setting('synchronous_commit')"); got != "offon" {
		t.Errorf("fsync and synchronous_commit: %s", got)
	}
	needsThePassword(t, s)
	copyDatabase(t, s)
	logsNoValues(t, s)
	survivesAnImmediateStop(t, s)
	stopLeavesNothing(t, s)
}

func answersOnSocketAndTCP(t *testing.T, s *Server) {
	t.Helper()
	for url, want := range map[string]string{s.URL("postgres"): "127.0.0.1/32", s.SocketURL("postgres"): "socket"} {
		if got := mustQuery(t, url, "SELECT coalesce(inet_server_addr()::text, 'socket')"); got != want {
			t.Errorf("reached over %s, want %s", got, want)
		}
	}
}

func needsThePassword(t *testing.T, s *Server) {
	t.Helper()
	for _, password := range []string{"", "postgres", "%00"} {
		url := strings.Replace(s.URL("postgres"), s.password, password, 1)
		if _, err := query(t.Context(), url, "SELECT '1'"); err == nil {
			t.Errorf("password %q is accepted", password)
		}
	}
	if len(s.password) < 32 || strings.Contains(s.Log(), s.password) {
		t.Error("the password is short or in the log")
	}
}

func logsNoValues(t *testing.T, s *Server) {
	t.Helper()
	mustExec(t, s.URL("postgres"), "CREATE TABLE person (email text PRIMARY KEY)", "INSERT INTO person VALUES ('ann@example.com')")
	if _, err := query(t.Context(), s.URL("postgres"), "INSERT INTO person VALUES ('ann@example.com') RETURNING email"); err == nil {
		t.Fatal("a key twice")
	}
	eventually(t, "the error is logged", func() bool { return strings.Contains(s.Log(), "person_pkey") })
	if strings.Contains(s.Log(), "ann@example.com") {
		t.Errorf("an address in the log: %s", s.Log())
	}
}

func stopLeavesNothing(t *testing.T, s *Server) {
	t.Helper()
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

func copyDatabase(t *testing.T, s *Server) {
	t.Helper()
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

func survivesAnImmediateStop(t *testing.T, s *Server) {
	t.Helper()
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
			s, err := Start(t.Context(), Options{Listen: i == 0})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
			t.Cleanup(func() { s.Stop(context.Background()) })
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	const id = "SELECT system_identifier::text FROM pg_control_system()"
	if one, two := mustQuery(t, servers[0].URL("postgres"), id), mustQuery(t, servers[1].URL("postgres"), id); one == two {
		t.Error("both are the same server")
	}
	const addresses = "SELECT current_setting('listen_addresses')"
	if got := mustQuery(t, servers[1].URL("postgres"), addresses); got != "" {
		t.Errorf("without Listen it listens at %q", got)
	}
}

func TestWrongSettingFailsWithTheServersOwnWords(t *testing.T) {
	t.Parallel()
	var dir string
	for _, settings := range []map[string]string{
		{"max_connections": "many"}, {"a b": "1"}, {"work_mem": "1\nport = 1"},
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
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 500 * time.Millisecond} {
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
