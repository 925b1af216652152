//go:build !torture

package watch

// How many sign up in the storm in every run.
const stormUsers = 200
