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

func startOwner(t *testing.T, words ...string) *owner {
	t.Helper()
	o := &owner{cmd: exec.Command(os.Args[0])}
	o.cmd.Env = append(os.Environ(), ownerVariable+"="+strings.Join(words, " "))
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
	t.Cleanup(func() {
		o.kill()
		if isPostmaster(o.pid, o.data) {
			syscall.Kill(o.pid, syscall.SIGKILL)
		}
	})
	if _, err := fmt.Fscan(bufio.NewReader(out), &o.run, &o.data, &o.pid); err != nil {
		t.Fatalf("owner did not start: %v", err)
	}
	if !isPostmaster(o.pid, o.data) {
		t.Fatalf("owner's postgres %d does not run in %s", o.pid, o.data)
	}
	return o
}

func (o *owner) kill() {
	o.cmd.Process.Kill()
	o.cmd.Wait()
}

func TestPostgresDiesWithAKilledOwner(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal")
	}
	o := startOwner(t)
	o.kill()
	eventually(t, "postgres has ended", func() bool { return !isPostmaster(o.pid, o.data) })
	start(t, Options{})
	if !gone(o.run) {
		t.Errorf("%s is left", o.run)
	}
}

// The control of the test above, and what happens on macOS.
func TestNextStartSweepsAServerWithoutOwner(t *testing.T) {
	t.Parallel()
	dead, alive := startOwner(t, "outlive"), startOwner(t)
	dead.kill()
	if !isPostmaster(dead.pid, dead.data) || gone(dead.run) {
		t.Fatal("nothing is left to sweep")
	}
	start(t, Options{})
	if isPostmaster(dead.pid, dead.data) || !gone(dead.run) {
		t.Errorf("after the next start: postgres runs %v, folder there %v", isPostmaster(dead.pid, dead.data), !gone(dead.run))
	}
	if !isPostmaster(alive.pid, alive.data) || gone(alive.run) {
		t.Error("the server of a living owner was swept too")
	}
	alive.in.Close()
	if err := alive.cmd.Wait(); err != nil || !gone(alive.run) {
		t.Errorf("the living owner stops with %v, folder gone %v", err, gone(alive.run))
	}
}

func TestSweepStopsTheServerOfAGivenFolderAndKeepsTheFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, "outlive", "keep", dir)
	o.kill()
	start(t, Options{}) // somebody else's start
	if isPostmaster(o.pid, o.data) || !gone(o.run) {
		t.Errorf("postgres runs %v, run folder there %v", isPostmaster(o.pid, o.data), !gone(o.run))
	}
	if majorOf(clusterOf(dir)) == 0 {
		t.Error("the cluster is gone")
	}
}

func TestStartTakesOverAFolderWhoseOwnerIsDead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, "outlive", dir)
	mustExec(t, (&Server{folders: &folders{run: o.run}, port: 5432}).SocketURL("postgres"),
		"CREATE TABLE t (v text)", "INSERT INTO t VALUES ('kept')")
	o.kill()
	s := start(t, Options{Dir: dir})
	if got := mustQuery(t, s.URL("postgres"), "SELECT v FROM t"); got != "kept" {
		t.Errorf("row is %q", got)
	}
}

// A pid that a stale file names may by now be anybody's.
func TestSweepDoesNotTouchAStranger(t *testing.T) {
	t.Parallel()
	o := startOwner(t, "outlive")
	o.kill()
	if err := syscall.Kill(o.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "postgres has ended", func() bool { return !isPostmaster(o.pid, o.data) })

	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stranger.Process.Kill(); stranger.Wait() }()
	pidFile := filepath.Join(o.data, "postmaster.pid")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s\n", stranger.Process.Pid, o.data), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, Options{})
	if !gone(o.run) {
		t.Error("the folder is left")
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was ended: %v", err)
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
		"^(TestAnswersOnSocketAndOnTCPAndLeavesNothing|TestKeptClusterIsThereAgain|TestNextStartSweepsAServerWithoutOwner|TestCommitsSurviveAnImmediateStop|TestInstallIsFound)$")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "--- PASS"); n != 5 {
		t.Errorf("%d of 5 tests passed as nobody:\n%s", n, out)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}
