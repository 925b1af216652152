//go:build !torture

package projector

// How much the long proofs do in every run.
const (
	convergenceSeeds    = 3
	convergenceVariants = 3
	killRounds          = 4
	switchRounds        = 5
)
