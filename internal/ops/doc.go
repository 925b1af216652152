// Package ops is the private side of a service: a listener with health, metrics and profiles, and the logger.
//
// It is meant for an address that only the operator reaches (127.0.0.1 by default, a pod's own network otherwise): profiles show what
// is in memory, and nothing here asks who is calling.
package ops
