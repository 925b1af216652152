// Package tenant runs a service's SQL as the caller: one transaction that names the identity of the context, under row level security.
//
//	err := tenant.InTx(ctx, pool, func(tx pgx.Tx) error {
//		_, err := tx.Exec(ctx, `insert into orders (item) values ($1)`, item)
//		return err
//	})
//
// The identity is two settings of the transaction, clerk.org_id and clerk.user_id, and nothing else: no role is changed, no session state is left. Policies
// decide by them what the transaction sees. "clerkstream rls protect" writes the policies of a service's own tables, the read model has its own.
//
// The login of the pool has to be a member of the role clerkstream_tenant, and of none that sees more: not the tables' owner, not a superuser, not
// BYPASSRLS. "clerkstream rls test" looks.
//
// # Transaction poolers
//
// The settings end with the transaction, so a connection can be lent to another caller after it: by a pgxpool, and by pgbouncer with pool_mode=transaction. The
// statement that sets them uses the unnamed prepared statement in one round trip, which every pooler allows. What fn sends is sent in the pool's
// QueryExecMode; behind a pooler that does not know prepared statements (pgbouncer before 1.21) that has to be pgx.QueryExecModeExec, for one with
// default_query_exec_mode=exec in the URL.
package tenant
