// Package clerkapi reads Clerk's Backend API: whole collections, what changed lately, and single objects, as bytes and not as types.
//
// All calls of a process share one [Budget], for Clerk counts requests per secret key. Urgent calls go before background ones, and the whole budget
// pauses when Clerk answers 429. What is worth repeating is repeated until the caller's context ends: give each call a deadline, or let it wait.
//
// A walk promises: an object that existed from its beginning to its end is in one of its pages. It may be in several, and objects that came or went
// meanwhile may be in or not.
//
// The facts are those of clerk.com/docs/guides/how-clerk-works/system-limits and of clerk/openapi-specs, bapi/2026-05-12.yml.
package clerkapi
