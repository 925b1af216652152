// Package hydrate fetches what a directory misses: a user, an organization or a membership that Clerk has and the read model does not have yet, as with
// the first request after a sign-up, which often is there before the webhook.
//
//	fetch, err := hydrate.New(hydrate.Config{Conn: nc, Instance: "prod", Pool: pool})
//	who, err := directory.New(directory.Config{Pool: pool, ListenURL: url, Missing: fetch.Missing})
//
// The service asks the instance's `clerkstream watch` over NATS, which alone holds Clerk's secret key. It reads the object from the Backend API, once for
// all services that ask, and publishes it as an ordinary event; Missing returns when this service's own read model shows the row. That takes one round
// trip to Clerk and a few milliseconds.
//
// Ask only for ids that somebody vouches for, such as those of a verified session token. What is asked for and does not exist costs a call of the
// budget that everybody shares, at most one in ten seconds for each id.
package hydrate
