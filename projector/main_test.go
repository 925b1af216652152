package projector

import (
	"os"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

var stack testkit.Stack

func TestMain(m *testing.M) {
	// Crash tests run this binary again as a projector that can really be killed.
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	testkit.Main(m, &stack)
}
