// Command projector keeps one service's local read model of Clerk current.
package main

import (
	"os"

	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

func main() {
	os.Exit(projector.Main(projections.All()...))
}
