// Package pgserver runs a private Postgres from the binaries that the machine has:
// for `clerkstream demo` and `dev`, and for tests.
//
// It asks nothing of the machine: not port 5432, not the system's own cluster, not
// an ordinary user (as root, Postgres runs as `postgres` or `nobody`). It leaves
// nothing behind, also after Ctrl-C and kill -9. Three things together see to that:
//
//   - Stop, or the end of the context given to Start, stops it and removes its folder.
//   - On Linux the kernel stops Postgres when our process dies (process_linux.go).
//   - The folder of each run holds a locked file. A lock dies with its process, so
//     the next Start of the same user finds the folders of the dead, stops what
//     still runs there, and removes them (sweep.go).
package pgserver
