// Package subscribe runs a service's handlers: functions that do something in the service when Clerk tells something, such as sending a welcome or
// cancelling the orders of a former member. Read models are the projector's; this is for side effects.
//
// A service has one group: a durable consumer on its instance's stream, filtered by what its handlers want, and a Watermill router. Events are
// handled at least once. A handler made with InTx has its effect in Postgres exactly once, whatever crashes. An event that no handler could cope
// with becomes a dead letter and the others go on.
//
// Subscriber and Publisher are Watermill's adapters underneath, on their own for a service's own streams.
package subscribe
