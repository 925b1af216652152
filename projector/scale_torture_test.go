//go:build torture

package projector

// How much the long proofs do in `make torture`.
const (
	convergenceSeeds    = 40
	convergenceVariants = 6
	killRounds          = 60
	switchRounds        = 50
	failoverSlack       = 1
)
