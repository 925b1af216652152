// Package ingest is the webhook target: it verifies each delivery and answers 2xx only after JetStream acknowledged the append.
//
//	POST /webhooks/clerk              with one instance
//	POST /webhooks/clerk/{instance}   with one or several
//	GET  /healthz
//
// A 2xx is a promise. Everything else makes Svix send the same delivery again (for about 27 hours), under the same svix-id, which is
// why an append whose outcome is unknown may be answered 503: should it have happened after all, the retry is a duplicate.
//
//	204  appended, or a duplicate of what is already appended; also with a type nobody knows, without an id, not JSON
//	401  signature_missing, signature_mismatch, headers_malformed, timestamp_too_old, timestamp_too_new
//	403  wrong_instance: verified, but of another Clerk environment than the pinned one
//	404  instance_unknown, not_found
//	405  method_not_allowed
//	408  body_timeout
//	413  body_too_large
//	503  broker_unavailable, ack_late, append_refused, too_busy, not_ready, internal; with Retry-After
//
// A refusal's body is {"code":"…"}. The response headers by which a target can make Svix abandon a message or disable the endpoint
// (webhook-delivery) are never sent: neither is ours to decide.
package ingest
