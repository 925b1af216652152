// Package settings reads what a binary is told by its flags and its environment, and reports everything that is wrong with it at once.
//
// Every flag has an environment twin. Secrets have no flag, for every user of a machine can read the process list: they come from the
// environment, or from the file that <NAME>_FILE names.
package settings
