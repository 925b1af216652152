// Package clerksim is the outside world: a seeded Clerk with users, organizations and billing, the webhooks it would send, and
// Svix which delivers them. It is for testing, demos and benchmarks only; nothing in production may import it, and it imports nothing
// of this module, so that a mistake in the product cannot hide in the thing that judges it.
//
// A [World] is the oracle: it changes its own objects one at a time and tells each change by a webhook [Message]; [World.Truth] renders
// what read models must show from those objects. No message is ever read back and no ordering rule is applied: the last thing the world
// did to an object is what is true of it.
//
// A [Sender] is the fault: it signs and delivers messages as Svix does, with retries, and on request twice, late, out of order,
// or not at all for the length of an outage.
//
// A [Clerk] is a world with somebody at home: it goes on by the real clock, does what it is told by its methods or over HTTP, under the real paths of
// Clerk's Backend API, and mints session tokens, good and wrong, with the keys to check them by.
//
// Its Backend API is read as Clerk's is: pages by offset, which shift under changes, and by cursor where Clerk has one, from the same objects that Truth
// renders. What reading needs (an index by id, lists in order) is made when it is first asked for and kept from then on, so that a page costs milliseconds
// in a world of a million users too, and a world that nobody reads pays nothing.
//
// All of it can be broken while it runs, by methods and below /sim/: the API is slow, wrong, throttled or garbled ([Faults]) and has a limit, and the
// webhooks' [Endpoint] goes elsewhere, is signed by another secret or another clock, or is off, as Svix' disabled one.
//
// Shapes follow Clerk's published webhook catalogue (clerk/openapi-specs, webhooks/2025-04-15.yml) and its known deviations; all
// values are invented.
package clerksim
