// Package projections is how facts become rows: one file per read model, with its columns, view and policy together.
//
// A Projection turns events of one kind of entity into rows of one read model. Two forms cover what services need: State keeps the winning
// state of each entity, Log appends one row per event. Both are declared as data, so a new read model costs the list of its columns.
// The projector package runs them.
package projections
