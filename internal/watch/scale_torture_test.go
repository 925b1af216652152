//go:build torture

package watch

// How many sign up in the storm in `make torture`.
const stormUsers = 2000
