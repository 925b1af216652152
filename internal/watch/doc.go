// Package watch is the one process of an instance that holds Clerk's secret key: so there is one request budget, and one call for what many ask for. It
// fills the read model, compares it with Clerk on a schedule, fetches what services miss, and watches over the webhooks; the parts are packages of their
// own, and their goroutines are this one's.
//
// Which process it is, a lock in Postgres says. Whoever loses it stops at once. That two work for a moment does no harm to rows, for the version gate is
// at the other end of the stream; what suffers is the budget.
package watch
