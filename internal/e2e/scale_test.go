//go:build !torture

package e2e

// How much the crash test does in every run.
const (
	crashUsers   = 60
	crashChanges = 500
	crashKills   = 4
)
