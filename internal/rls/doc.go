// Package rls writes and tries row level security: the policies of a service's own tables, and whether policies, ours and theirs, keep two tenants
// apart in a database as it is.
package rls
