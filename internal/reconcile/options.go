package reconcile

import "time"

// BackfillOptions say what a backfill walks.
type BackfillOptions struct {
	// Kinds are names of read models and the other kinds of Kinds; empty is all of them.
	Kinds []string
	// Restart forgets how far an earlier backfill came.
	Restart bool
	// Report, if any, is told of every page, by one goroutine at a time, and must be quick.
	Report func(Progress)
}

// Options say what a reconciliation compares.
type Options struct {
	// Kinds: see BackfillOptions. A recent run knows users only, and leaves the others out.
	Kinds []string
	// DryRun publishes nothing.
	DryRun bool
	// Recent reads users by updated_at, newest first, down to where the last run was sure of everything. It sees no deletions, and no row that differs
	// although its updated_at never moved.
	Recent bool
	// Since, for a recent run, is how far down it reads. Default: the watermark of the last complete run, else everything.
	Since time.Time
	// Report: see BackfillOptions.
	Report func(Progress)
}

// Progress is how far the walk of one kind is.
type Progress struct {
	Kind string
	// Objects were read of about Total, which is -1 where Clerk does not say; Published of them became events, Malformed were none.
	Objects, Total, Published, Malformed int64
	// Place is the number of the kind among the Kinds of the run, from 1.
	Place, Kinds int
}

// Summary is what a backfill did, one entry per kind.
type Summary struct {
	// Resumed says that an earlier backfill had been cut off, and this one went on from there. Counts are those of both.
	Resumed bool
	Kinds   []Walked
}

// Walked is the walk of one kind.
type Walked struct {
	Kind                                 string
	Objects, Total, Published, Malformed int64
}
