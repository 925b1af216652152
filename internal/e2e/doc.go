// Package e2e has tests of the whole way: a signed delivery over HTTP, ingest, the stream, the projector, and the rows in Postgres. Every part is the
// real one.
package e2e
