package projections

import (
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// Stack is the servers of this test binary, for both of its packages.
var Stack testkit.Stack

func TestMain(m *testing.M) { testkit.Main(m, &Stack) }
