package natsserver_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// ownerVariable makes the test binary a process that runs a server until killed.
const ownerVariable = "CLERKSTREAM_TEST_NATS_OWNER"

func own() {
	s, err := natsserver.Start(context.Background(), natsserver.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.StoreDir())
	select {}
}

func TestStoreOfAKilledProcessIsSweptAndThatOfALivingOneIsNot(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // nobody else sweeps here
	alive := start(t, natsserver.Options{})

	owner := exec.Command(os.Args[0]) //nolint:gosec // this very program
	owner.Env = append(os.Environ(), ownerVariable+"=1")
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	dead, err := bufio.NewReader(out).ReadString('\n')
	owner.Process.Kill()
	owner.Wait()
	if err != nil {
		t.Fatalf("owner did not start: %v", err)
	}
	dead = strings.TrimSpace(dead)
	if _, err := os.Stat(dead); err != nil {
		t.Fatalf("nothing is left to sweep: %v", err)
	}
	start(t, natsserver.Options{})
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dead, err)
	}
	if _, err := os.Stat(alive.StoreDir()); err != nil {
		t.Errorf("the store of a living server: %v", err)
	}
}

func TestSweepNeverBringsBackAStoreThatIsGoing(t *testing.T) {
	t.Parallel()
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for range 10 {
				s, err := natsserver.Start(t.Context(), natsserver.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				s.Stop()
				if _, err := os.Stat(s.StoreDir()); !os.IsNotExist(err) {
					t.Errorf("store %s of a stopped server: %v", s.StoreDir(), err)
				}
			}
		})
	}
	others.Wait()
}
