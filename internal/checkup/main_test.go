package checkup_test

import (
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

var stack testkit.Stack

func TestMain(m *testing.M) { testkit.Main(m, &stack) }
