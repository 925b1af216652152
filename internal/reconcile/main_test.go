package reconcile

import (
	"os"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

var stack testkit.Stack

func TestMain(m *testing.M) {
	// The crash test runs this binary again as a backfill that can really be killed.
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	testkit.Main(m, &stack)
}
