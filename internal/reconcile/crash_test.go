package reconcile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// The names of what a child process is told.
const (
	childEnv      = "CLERKSTREAM_TEST_RECONCILE"
	childInstance = "CLERKSTREAM_TEST_INSTANCE"
	childDatabase = "CLERKSTREAM_TEST_DATABASE"
	childNATS     = "CLERKSTREAM_TEST_NATS"
	childAPI      = "CLERKSTREAM_TEST_API"
	childKey      = "CLERKSTREAM_TEST_KEY"
)

// child is this binary as a backfill: a real process, so that SIGKILL is real.
func child() int {
	budget, mode := plenty, os.Getenv(childEnv)
	var kinds []string
	if mode == "measured" {
		budget, kinds = clerkBudget, []string{"users"}
	}
	r, closeAll, err := open(Config{
		Instance: os.Getenv(childInstance), DatabaseURL: os.Getenv(childDatabase), hasty: mode == "hasty",
	}, os.Getenv(childNATS), os.Getenv(childAPI), os.Getenv(childKey), budget)
	if err == nil {
		defer closeAll()
		_, err = r.Backfill(context.Background(), BackfillOptions{Kinds: kinds})
	}
	if err == nil && mode == "measured" {
		err = writePeak()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a backfill as a process of its own. It dies with the test at the latest.
func (b *bed) spawn(t testing.TB, mode, database string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+mode, childInstance+"="+b.Instance, childDatabase+"="+database, childNATS+"="+b.URL,
		childAPI+"="+b.api, childKey+"="+b.clerk.SecretKey())
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

// walked is how many objects the positions stand for.
func (b *bed) walked(t *testing.T) (n int) {
	t.Helper()
	if err := b.conn.QueryRow(t.Context(), `select coalesce(sum(objects), 0) from clerkstream.walks`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// kill is kill -9, at the moment when so many objects are walked.
func (b *bed) killAt(t *testing.T, cmd *exec.Cmd, mark int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if at := b.walked(t); at < mark {
			return fmt.Errorf("%d of %d objects are walked", at, mark)
		}
		return nil
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		t.Fatalf("the backfill had ended by itself, with status %d", code)
	}
}

func world(users, organizations, memberships, changes int, sparse bool) clerksim.ClerkConfig {
	return clerksim.ClerkConfig{World: clerksim.Config{
		Seed: 5, Users: users, Organizations: organizations, Memberships: memberships, Changes: changes, Sparse: sparse,
		// Of two states with the same clocks nothing says which is newer: a second backfill finds some rows to be the other one, and repairs them.
		TieRate: -1,
	}}
}

func TestABackfillThatIsKilledThreeTimesWhileTheWorldChangesEndsInTheTruth(t *testing.T) {
	t.Parallel()
	b := newBed(t, world(backfillUsers, backfillOrganizations, backfillMemberships, backfillChanges, backfillSparse))
	b.clerk.Found()
	// Slow enough that there is a middle to be killed in.
	if err := b.clerk.SetFaults(clerksim.Faults{SlowRate: 1, Slow: slowAnswer}); err != nil {
		t.Fatal(err)
	}
	database := b.watcher(t)
	told := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { told <- b.deliver(ctx, b.clerk.Next, backfillRate) }()
	for kill := range 3 {
		b.killAt(t, b.spawn(t, "backfill", database), (kill+1)*(backfillUsers+backfillMemberships)/5)
	}
	before := b.walked(t)
	last := b.spawn(t, "backfill", database)
	if err := last.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	if before == 0 || b.walked(t) != 0 {
		t.Errorf("%d objects were walked before the last run, and %d are left to remember", before, b.walked(t))
	}
	b.expectTruth(t)

	// The duplicate window of this stream is a tenth of a second: nothing but the comparison keeps a second one from saying all of it again.
	end := b.last(t)
	if err := b.clerk.SetFaults(clerksim.Faults{}); err != nil {
		t.Fatal(err)
	}
	r := b.again(t, database)
	done, err := r.Backfill(t.Context(), BackfillOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if now := b.last(t); now != end || done.Resumed {
		t.Errorf("the stream went from %d to %d, resumed: %v: %+v", end, now, done.Resumed, done)
	}
	objects := int64(0)
	for _, k := range done.Kinds {
		objects += k.Objects
	}
	if objects < backfillUsers {
		t.Errorf("only %d objects were walked", objects)
	}
}

func (b *bed) again(t testing.TB, database string) *Reconciler {
	t.Helper()
	r, closeAll, err := open(Config{Instance: b.Instance, ClerkInstance: b.clerk.InstanceID(), DatabaseURL: database, Log: quiet(t)},
		b.URL, b.api, b.clerk.SecretKey(), plenty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return r
}

// A walk that writes its position down before the page is acknowledged is killed in between, and the next one does not know of the page.
func TestAPositionThatIsWrittenTooSoonIsSeenToLose(t *testing.T) {
	t.Parallel()
	b := newBed(t, world(100, 10, 50, 0, true))
	b.clerk.Found()
	database := b.watcher(t)
	b.killAt(t, b.spawn(t, "hasty", database), 1)
	if _, err := b.again(t, database).Backfill(t.Context(), BackfillOptions{}); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
	if len(b.differences(t)) == 0 {
		t.Error("nothing was lost: the crash test would not see it")
	}
}
