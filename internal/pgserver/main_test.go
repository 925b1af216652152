package pgserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// ownerVariable makes the test binary a process that owns a server until it is
// killed or its standard input ends. Its value are the words of ownerOptions.
const ownerVariable = "CLERKSTREAM_TEST_PG_OWNER"

func TestMain(m *testing.M) {
	if words, ok := os.LookupEnv(ownerVariable); ok {
		os.Exit(own(words))
	}
	goleak.VerifyTestMain(m)
}

func own(words string) int {
	s, err := Start(context.Background(), ownerOptions(words))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.mu.Lock()
	pid := s.process.cmd.Process.Pid
	s.mu.Unlock()
	fmt.Println(s.folders.run, s.folders.data, pid)
	io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
