package pgserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared is a folder that the account of Postgres can reach, also for root.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-") //nolint:usetesting // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the account of Postgres enters it
		t.Fatal(err)
	}
	return dir
}

func TestKeptClusterIsThereAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "a", "b")
	settings := map[string]string{"max_connections": "7", "clerk.greeting": `it's a \ test`, "timezone": "Europe/Berlin"}
	first := start(t, Options{Dir: dir, Keep: true, Durable: true, Listen: true, Settings: settings})
	for setting, want := range map[string]string{
		"max_connections": "7", "clerk.greeting": `it's a \ test`, "timezone": "Europe/Berlin", "fsync": "on", "full_page_writes": "on",
	} {
		if got := mustQuery(t, first.URL("postgres"), "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	mustExec(t, first.URL("postgres"), "CREATE TABLE t (v text)", "INSERT INTO t VALUES ('kept')")
	run := first.folders.run
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone(dir) || !gone(run) {
		t.Errorf("cluster there %v, run folder there %v", !gone(dir), !gone(run))
	}

	// Without Keep, but it was there before: Start did not make it.
	second := start(t, Options{Dir: dir})
	if got := mustQuery(t, second.URL("postgres"), "SELECT v FROM t"); got != "kept" {
		t.Errorf("row is %q", got)
	}
	if got := mustQuery(t, second.URL("postgres"), "SELECT current_setting('max_connections')"); got != "100" {
		t.Errorf("max_connections is still %s", got)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if majorOf(clusterOf(dir)) == 0 {
		t.Error("a cluster that was there before is removed")
	}
}

func TestStopRemovesOnlyWhatStartMade(t *testing.T) {
	t.Parallel()
	dir := shared(t)
	theirs := filepath.Join(dir, "theirs.txt")
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Dir: dir})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || gone(theirs) {
		t.Errorf("folder holds %v (%v), want theirs.txt only", entries, err)
	}
	after, err := os.Stat(dir)
	if err != nil || after.Mode() != before.Mode() {
		t.Errorf("mode %v was %v (%v)", after.Mode(), before.Mode(), err)
	}
}

func TestKeptFreshFolderIsNotSwept(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: true})
	t.Cleanup(func() { os.RemoveAll(s.Dir()) })
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(t, Options{})
	if majorOf(s.folders.data) == 0 {
		t.Error("the next start has swept a kept cluster")
	}
}

func TestFolderInUseIsRefusedAndUnharmed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	first := start(t, Options{Dir: dir})
	if second, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		if err == nil {
			second.Stop(t.Context())
		}
		t.Errorf("second server: %v, want ErrInUse", err)
	}
	mustQuery(t, first.URL("postgres"), "SELECT '1'")
}

// A socket's path has room for about 100 bytes, a folder's for 4096.
func TestLongFolderStillHasASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), strings.Repeat("long/", 40), "pg")
	s := start(t, Options{Dir: dir})
	if got := mustQuery(t, s.URL("postgres"), "SELECT current_setting('data_directory')"); got != s.folders.data {
		t.Errorf("data in %s", got)
	}
	if n := len(s.SocketDir() + socketName); n > socketPathMax {
		t.Errorf("socket path takes %d bytes", n)
	}
}

func TestLongTempFolderFallsBackToTmp(t *testing.T) {
	long := filepath.Join(shared(t), strings.Repeat("x", 80))
	if err := os.Mkdir(long, 0o755); err != nil { //nolint:gosec // the account of Postgres enters it
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	s := start(t, Options{})
	if !strings.HasPrefix(s.Dir(), "/tmp/") && !strings.HasPrefix(s.Dir(), "/private/tmp/") {
		t.Errorf("runs in %s", s.Dir())
	}
	mustQuery(t, s.URL("postgres"), "SELECT '1'")
}

func TestFolderClosedToTheAccountIsNamed(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("an ordinary user runs Postgres itself")
	}
	closed := t.TempDir() // 0700, of root
	s, err := Start(t.Context(), Options{Dir: filepath.Join(closed, "pg")})
	if err == nil {
		s.Stop(t.Context())
		t.Fatal("started in a folder that the account cannot reach")
	}
	if !strings.Contains(err.Error(), "closed to account") || !strings.Contains(err.Error(), "/tmp") {
		t.Errorf("error does not help: %v", err)
	}
}

func TestSomebodyElsesBaseFolderIsNotUsed(t *testing.T) {
	t.Parallel()
	a := mustAccount(t)
	dir := shared(t)
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil { //nolint:gosec // the fault this test is about
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(shared(t), link); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{open, link} {
		if err := ownFolder(base, a); err == nil {
			t.Errorf("%s is taken for our own", base)
		}
	}
	if err := ownFolder(filepath.Join(dir, "new"), a); err != nil {
		t.Error(err)
	}
	if os.Getuid() == 0 {
		theirs := filepath.Join(dir, "theirs")
		if err := errors.Join(os.Mkdir(theirs, 0o700), os.Chown(theirs, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if err := ownFolder(theirs, a); err == nil {
			t.Error("another user's folder is taken for our own")
		}
	}
}

func TestClusterOfAnotherVersionIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := shared(t)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Start(context.Background(), Options{Dir: dir})
	if err == nil {
		s.Stop(t.Context())
	}
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("a cluster of version 9: %v", err)
	}
	if gone(data) {
		t.Error("it is removed")
	}
}
