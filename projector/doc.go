// Package projector is the engine that turns a stream of events into a service's own read model, and lets a person rebuild it, look into its past
// and mend it.
//
// For each generation of the read model one projector leads: it reads the instance's whole stream in order, folds each batch to the newest state of every
// entity, and writes rows and position in one Postgres transaction. That transaction is the only memory: after a crash on any line the next
// leader goes on from the last commit, and nothing was lost or done twice.
//
//	reader ──bounded queue──▶ preparer (parse, fold, decode in parallel) ──one batch ahead──▶ writer (one transaction)
//
// Services with projections of their own call Main, which is a whole binary, or Run. Where to begin reading:
//
//   - the engine: projector.go (a follower for each generation), session.go (one try to lead), then in the order of a message reader.go, batch.go,
//     fold.go, decode.go, writer.go, with checkpoint.go for the position, election.go and lookout.go for who leads, letters.go for what could not become
//     a row, feed.go for who wants to know
//   - generations: generation.go, rebuild.go and build.go (the fold of the whole stream: survivors.go, slab.go, load.go), switch.go, retire.go
//   - comparing: compare.go, diff.go, verify.go, sampled.go
//   - the past: history.go, past.go, asof.go; applying it again: replay.go, retry.go, again.go
//   - the command line: main.go and a verb_….go for each family of verbs, all of which are methods of Operator
package projector
