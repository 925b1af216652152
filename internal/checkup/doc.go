// Package checkup looks at a whole installation from outside, with the rights of somebody who only reads: its stream, its services' databases, its
// ingest, Clerk. Examine judges, one line for each thing that can be wrong, with the next step to take; Survey reports the state without a judgement.
//
// Nothing here writes, and no line holds a secret or a person's data: names of settings, ids of instances, numbers, times.
package checkup
