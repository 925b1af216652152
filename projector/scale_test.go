//go:build !torture

package projector

// How much the long proofs do in every run.
const (
	convergenceSeeds    = 3
	convergenceVariants = 3
	killRounds          = 4
	switchRounds        = 5
	// Others share the machine: the limits of a failover are multiplied by this.
	failoverSlack = 6
)
