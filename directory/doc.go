// Package directory is the read side for services: who is this user, what is this organization, may this member do that. It reads the service's
// own read model through the views of schema clerk, and keeps what it read in memory until the projector says that it changed.
//
// A Directory is for code that may see everything (its login is a member of clerkstream_reader). Within gives the same lookups inside a
// transaction of a tenant, where row level security decides; they never touch the cache, which would carry one tenant's rows to another.
//
// # What a lookup promises
//
// While the change feed stands, a lookup never answers with what was read before a change that this process was told of. The feed speaks when the
// projector's transaction commits, so what is left is the way of the notice, milliseconds as a rule. While the feed is lost, and before it first
// stood, an answer is at most Config.LostTTL old, counted from the loss or, for what was read since, from the reading; a loss is noticed within
// seconds. When the feed stands again everything is read anew. A pool and a listener of different servers (a replica behind the primary) would
// break the promise: a notice would overtake its rows.
//
// A service that has just changed something at Clerk waits for it: WaitFor.
package directory
