package reconcile

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// clerkBudget is what Clerk allows a production instance in 10 s.
const clerkBudget = 1000

// BenchmarkBackfill walks users in a process of its own under Clerk's budget: first into an empty read model, then once more, when everything is
// there and nothing is published. It tells the users a second, the share of the budget that was used, and the process' greatest memory.
func BenchmarkBackfill(b *testing.B) {
	c := world(benchUsers, 1, -1, -1, true)
	c.Limit = clerkBudget
	bed := newBed(b, c)
	bed.clerk.Found()
	database := bed.watcher(b)
	for _, name := range []string{"first", "again"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := bed.clerk.Requests()
				began := time.Now()
				peak := bed.measure(b, database)
				took := time.Since(began)
				after := bed.clerk.Requests()
				b.ReportMetric(float64(benchUsers)/took.Seconds(), "users/s")
				b.ReportMetric(100*float64(after.Total-before.Total)/(clerkBudget*took.Seconds()/10), "%budget")
				b.ReportMetric(float64(after.ByStatus[429]-before.ByStatus[429]), "429s")
				b.ReportMetric(peak/1024, "peak-MiB")
			}
			bed.settle(b)
		})
	}
}

// measure runs a backfill in a process of its own and returns its greatest memory in KiB.
func (b *bed) measure(t testing.TB, database string) (peak float64) {
	t.Helper()
	report := t.TempDir() + "/peak"
	t.(*testing.B).Setenv(childReport, report)
	if err := b.spawn(t, "measured", database).Wait(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(report)
	if err == nil {
		_, err = fmt.Sscan(string(text), &peak)
	}
	if err != nil {
		t.Fatal(err)
	}
	return peak
}

// childReport is the file to which a measured child writes its peak. What the kernel tells a parent of its child is no less than the parent's own: it counts
// the moment before exec.
const childReport = "CLERKSTREAM_TEST_PEAK"

// writePeak writes down the greatest resident memory of this process, in KiB, as Linux knows it.
func writePeak() error {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer func() { _ = status.Close() }()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if peak, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			return os.WriteFile(os.Getenv(childReport), []byte(strings.TrimSuffix(strings.TrimSpace(peak), " kB")), 0o600)
		}
	}
	return fmt.Errorf("the kernel tells no VmHWM")
}
