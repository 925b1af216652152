// Command member_directory is a service's own projector: the engine and its verbs, with the built-in read models and one of the service's own.
package main

import (
	"os"

	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

func main() {
	os.Exit(projector.Main(append(projections.All(), memberDirectory())...))
}
