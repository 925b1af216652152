package projector

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit/sequencelog"
	"github.com/clerkstream/clerkstream/projections"
)

// The names of what a child process is told.
const (
	childEnv      = "CLERKSTREAM_TEST_PROJECTOR"
	childInstance = "CLERKSTREAM_TEST_INSTANCE"
	childDatabase = "CLERKSTREAM_TEST_DATABASE"
	childNATS     = "CLERKSTREAM_TEST_NATS"
)

// child is this binary as a projector: a real process, so that SIGKILL and SIGSTOP are real.
func child() int {
	c := Config{
		Service: "test", Instance: os.Getenv(childInstance), DatabaseURL: os.Getenv(childDatabase), NATSURL: os.Getenv(childNATS), MaxBatch: 20,
		Projections: append(projections.All(), sequencelog.Projection{}),
	}
	c.switches.unfenced = os.Getenv(childEnv) == "unfenced"
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	run := Run
	if statement := troubles[os.Getenv(childEnv)]; statement != nil {
		c.Projections = append(projections.All(), troubled{statement: statement})
	}
	switch os.Getenv(childEnv) {
	case "verb":
		c.Projections, run = projections.All(), dieAtStep
	case "old code":
		c.Projections = projections.All()
	case "new code":
		c.Projections = newCode()
	case "measure floor", "measure rebuild":
		c.MaxBatch, run = 0, measured
	}
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a projector process. It dies with the test binary at the latest.
func (b *bed) spawn(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+mode, childInstance+"="+b.Instance, childDatabase+"="+b.url, childNATS+"="+b.URL)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func (b *bed) killAfter(t *testing.T, cmd *exec.Cmd, sequence uint64) {
	t.Helper()
	b.until(t, sequence)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func TestAKilledProjectorLosesNothingAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.sequencesConfig(), b.fill(t, 1, "first"))
	var end uint64
	for round := range killRounds {
		cmd := b.spawn(t, "fenced")
		before := b.at(t)
		end = b.fill(t, 300, fmt.Sprint(round))
		// Somewhere in the middle of the load: what is killed is a process between two lines.
		b.killAfter(t, cmd, before+uint64(40+40*(round%6)))
	}
	b.spawn(t, "fenced")
	b.until(t, end)
	if missing, repeated := b.applied(t, end); missing+repeated > 0 {
		t.Errorf("%d messages are missing and %d were applied more than once", missing, repeated)
	}
}

func TestAStoppedLeaderCommitsNothingAfterItWasReplaced(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.sequencesConfig(), b.fill(t, 1, "first"))
	frozen := b.spawn(t, "fenced")
	b.until(t, b.fill(t, 50, "a"))
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.spawn(t, "fenced")
	end := b.fill(t, 50, "b")
	b.until(t, end)
	if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	end = b.fill(t, 200, "c")
	b.until(t, end)
	if missing, repeated := b.applied(t, end); missing+repeated > 0 {
		t.Errorf("%d messages are missing and %d were applied more than once", missing, repeated)
	}
}

func TestWithoutLockAndCompareAndSetTwoProjectorsApplyTwice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.sequencesConfig(), b.fill(t, 1, "first"))
	b.spawn(t, "unfenced")
	b.spawn(t, "unfenced")
	end := b.fill(t, 400, "x")
	deadline := time.Now().Add(time.Minute)
	for {
		if _, repeated := b.applied(t, end); repeated > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was applied twice: the crash tests would not see a missing fence")
		}
		end = b.fill(t, 50, fmt.Sprint(end))
	}
}

func (b *bed) sequencesConfig() Config {
	c := b.config()
	c.Projections = append(c.Projections, sequencelog.Projection{})
	return c
}

func (b *bed) at(t *testing.T) uint64 {
	t.Helper()
	at, err := b.checkpoint(t)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
