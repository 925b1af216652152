package sentinel

import (
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// Stack is for the tests outside of the package too.
var Stack testkit.Stack

func TestMain(m *testing.M) { testkit.Main(m, &Stack) }
