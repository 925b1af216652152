//go:build torture

package e2e

// How much the crash test does in `make torture`.
const (
	crashUsers   = 600
	crashChanges = 12_000
	crashKills   = 40
)
