// Package events is the language that every part of clerkstream speaks: what an event is, how it lies on
// the stream, which of two events about one entity is the newer, and what Clerk's payloads contain.
//
// It depends on no broker and no database. It reads bytes that come from outside, so nothing here panics
// on any input, and the type set stays open: an event of a type nobody has heard of flows through.
package events
