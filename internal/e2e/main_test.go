package e2e

import (
	"os"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

var stack testkit.Stack

func TestMain(m *testing.M) {
	// Crash tests run this binary again as the part that is killed.
	if part, ok := parts[os.Getenv(envPart)]; ok {
		os.Exit(runPart(part))
	}
	testkit.Main(m, &stack)
}

// root is where the tree begins, seen from here.
const root = "../../"

// secret signs every delivery of these tests.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
