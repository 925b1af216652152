package pgserver

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// ownerOptions: "outlive" leaves out the parent-death signal, "keep" keeps, and
// anything else is Options.Dir.
func ownerOptions(words string) Options {
	var o Options
	for word := range strings.FieldsSeq(words) {
		switch word {
		case "outlive":
			o.outlive = true
		case "keep":
			o.Keep = true
		default:
			o.Dir = word
		}
	}
	return o
}

// owner is another process with a server of its own.
type owner struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	run  string
	data string
	pid  int // of its postmaster
}

// startOwner gives the process a temporary folder, so that nobody but the owners
// of one test sweeps there.
func startOwner(t *testing.T, tmp string, words ...string) *owner {
	t.Helper()
	o := &owner{cmd: exec.Command(os.Args[0])} //nolint:gosec // this very program
	o.cmd.Env = append(os.Environ(), "TMPDIR="+tmp, ownerVariable+"="+strings.Join(words, " "))
	o.cmd.Stderr = os.Stderr
	var err error
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.stop)
	if _, err := fmt.Fscan(bufio.NewReader(out), &o.run, &o.data, &o.pid); err != nil {
		t.Fatalf("owner did not start: %v", err)
	}
	if !o.runs() {
		t.Fatalf("owner's postgres %d does not run in %s", o.pid, o.data)
	}
	return o
}

// stop lets a living owner stop its server, and stops the server of a dead one.
func (o *owner) stop() {
	o.in.Close()
	o.cmd.Wait()
	if o.runs() {
		syscall.Kill(o.pid, immediateShutdown)
	}
}

func (o *owner) kill() {
	o.cmd.Process.Kill()
	o.cmd.Wait()
}

func (o *owner) runs() bool { return isPostmaster(o.pid, o.data) }

func (o *owner) url() string {
	return (&Server{folders: &folders{run: o.run}, port: 5432}).SocketURL("postgres")
}

func TestPostgresDiesWithAKilledOwner(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	tmp := shared(t)
	o := startOwner(t, tmp)
	o.kill()
	eventually(t, "postgres has ended", func() bool { return !o.runs() })
	if gone(o.run) {
		t.Error("nobody has swept, and the folder is gone")
	}
	startOwner(t, tmp)
	if !gone(o.run) {
		t.Errorf("%s is left", o.run)
	}
}

// The control of the test above, and what happens on macOS.
func TestNextStartSweepsAServerWithoutOwner(t *testing.T) {
	t.Parallel()
	tmp := shared(t)
	dead, alive := startOwner(t, tmp, "outlive"), startOwner(t, tmp)
	dead.kill()
	if !dead.runs() || gone(dead.run) {
		t.Fatal("nothing is left to sweep")
	}
	startOwner(t, tmp)
	if dead.runs() || !gone(dead.run) {
		t.Errorf("after the next start: postgres runs %v, folder there %v", dead.runs(), !gone(dead.run))
	}
	if !alive.runs() || gone(alive.run) {
		t.Error("the server of a living owner was swept too")
	}
	alive.in.Close()
	if err := alive.cmd.Wait(); err != nil || !gone(alive.run) {
		t.Errorf("the living owner stops with %v, folder gone %v", err, gone(alive.run))
	}
}

func TestSweepStopsTheServerOfAGivenFolderAndKeepsTheFolder(t *testing.T) {
	t.Parallel()
	tmp := shared(t)
	dir := filepath.Join(tmp, "pg")
	o := startOwner(t, tmp, "outlive", dir)
	o.kill()
	if !o.runs() {
		t.Fatal("nothing is left to sweep")
	}
	startOwner(t, tmp) // somebody else's start
	if o.runs() || !gone(o.run) {
		t.Errorf("postgres runs %v, run folder there %v", o.runs(), !gone(o.run))
	}
	if majorOf(clusterOf(dir)) == 0 {
		t.Error("the cluster is gone")
	}
}

func TestStartTakesOverAFolderWhoseOwnerIsDead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, shared(t), "outlive", dir)
	mustExec(t, o.url(), "CREATE TABLE t (v text)", "INSERT INTO t VALUES ('kept')")
	o.kill()
	// From another temporary folder, where no sweep finds the server first.
	s := start(t, Options{Dir: dir})
	if got := mustQuery(t, s.URL("postgres"), "SELECT v FROM t"); got != "kept" {
		t.Errorf("row is %q", got)
	}
}

// A pid that a stale file names may by now be anybody's.
func TestSweepDoesNotTouchAStranger(t *testing.T) {
	t.Parallel()
	tmp := shared(t)
	o := startOwner(t, tmp, "outlive")
	o.kill()
	if err := syscall.Kill(o.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "postgres has ended", func() bool { return !o.runs() })

	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stranger.Wait()
	}()
	defer func() { stranger.Process.Kill(); <-ended }()
	pidFile := filepath.Join(o.data, "postmaster.pid")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s\n", stranger.Process.Pid, o.data), 0o600); err != nil {
		t.Fatal(err)
	}
	startOwner(t, tmp)
	if !gone(o.run) {
		t.Error("the folder is left")
	}
	select {
	case <-ended:
		t.Errorf("the stranger was ended: %v", stranger.ProcessState)
	default:
	}
}

// Everything above as nobody, when the test runs as root: the way of an ordinary
// user is another one (no change of account, its own base folder).
func TestAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("this is what every other test does here")
	}
	// The go tool's own folder is closed to others.
	program := filepath.Join(shared(t), "pgserver.test")
	if err := copyFile(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.v", "-test.run",
		"^(TestServerFromStartToStop|TestNextStartSweepsAServerWithoutOwner)$")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "\n--- PASS"); n != 2 {
		t.Errorf("%d of 2 tests passed as nobody:\n%s", n, out)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from) //nolint:gosec // this very program
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755) //nolint:gosec // a program
}
