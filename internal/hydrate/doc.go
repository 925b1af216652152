// Package hydrate answers services that miss an object which Clerk has: a new user's first request is often there before the webhook.
//
// It belongs to the one process of an instance that holds the secret key. A service asks over NATS; the object is read from Clerk once, however many
// ask, and published as an ordinary event, so that it takes the same way through the version gate as every other fact. The answer tells the message's
// sequence: when the asker's read model has applied it, the object is there.
//
// Whoever can send a request can make Clerk be asked, so everything is bounded: which objects can be named, how many are fetched at a time, how many
// wait, and how often one object is asked for.
package hydrate
