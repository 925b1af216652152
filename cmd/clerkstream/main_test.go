package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

// asCommand makes this test binary the command itself, so that tests run real processes without building one.
const asCommand = "CLERKSTREAM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run())
	}
	goleak.VerifyTestMain(m)
}

// started is a running command with what it has printed so far.
type started struct {
	cmd *exec.Cmd
	out syncbuffer.Buffer
}

func (s *started) printed() string { return s.out.String() }

// start runs the command; it is interrupted when the test ends.
func start(t *testing.T, args ...string) *started {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s := &started{cmd: exec.CommandContext(ctx, self, args...)}
	// The settings are a test's own, not those of whoever runs it.
	s.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc([]string{"CLERK_", "NATS_", "DATABASE_URL", "INGEST_"}, func(prefix string) bool { return strings.HasPrefix(v, prefix) })
	}), asCommand+"=1")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	s.cmd.WaitDelay = 20 * time.Second
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = s.cmd.Wait() // a second time where the test has waited
	})
	return s
}

// end waits for the command and returns its exit code.
func (s *started) end(t *testing.T) int {
	t.Helper()
	var failed *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// command runs one to its end.
func command(t *testing.T, args ...string) (printed string, exitCode int) {
	t.Helper()
	s := start(t, args...)
	code := s.end(t)
	return s.printed(), code
}

// line waits for a line that begins so, and returns its rest.
func (s *started) line(t *testing.T, prefix string) string {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(s.printed()) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(rest)
			}
		}
	}
	t.Fatalf("no line of %q in:\n%s", prefix, s.printed())
	return ""
}
