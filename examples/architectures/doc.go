// Package architectures holds a test for each way in which applications use Clerk, run as it would be run: the programs of examples/gateway and
// examples/orders as processes of their own, behind them the whole of clerkstream with its Postgres and its broker, and a simulated Clerk that signs
// the tokens and sends the webhooks.
//
//	full_stack_test.go     one application: session cookie, users table beside its own
//	microservices_test.go  an API gateway, services behind it, each with its local copy
//	multi_tenant_test.go   organizations as tenants, held apart by row level security; multi_tenant_sql_test.go
//	mobile_test.go         one backend for web, iOS and Android
//	enterprise_test.go     sign-in by a company's identity provider; roles and permissions
//
// and what all of them rest on:
//
//	revocation_test.go     access ends when its reason does, before the token expires
//	reaction_test.go       side effects once for each fact, whatever is delivered twice or killed
package architectures
