// Package projector is the engine that turns a stream of events into a service's own read model.
//
// One projector leads one generation of one service: it reads the instance's whole stream in order, folds each batch to the newest state of every
// entity, and writes rows and position in one Postgres transaction. That transaction is the only memory: after a crash on any line the next
// leader goes on from the last commit, and nothing was lost or done twice.
//
//	reader ──bounded queue──▶ preparer (parse, fold, decode in parallel) ──one batch ahead──▶ writer (one transaction)
//
// Services with projections of their own call Main, or New and Run.
package projector
