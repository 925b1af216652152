package reconcile

import "time"

// Result is what a reconciliation found, one entry per kind.
type Result struct {
	Kinds []KindResult
}

// KindResult is how Clerk and the read model compare in one kind. Each object that Clerk listed is in exactly one of Match, Lag, Changed, Missing,
// WrongTombstone and Malformed.
type KindResult struct {
	Kind              string    `json:"kind"`
	Mode              string    `json:"mode"`
	Started, Finished time.Time `json:"-"`
	// Complete says that every object was seen. Only then Extra means anything.
	Complete bool  `json:"complete"`
	Objects  int64 `json:"objects"`
	// Match are equal. Lag is what may still be on its way by webhook (younger than Grace, or told newer meanwhile), and what Clerk changes without
	// telling: last_active_at, last_sign_in_at and counts.
	Match int64 `json:"match"`
	Lag   int64 `json:"lag"`
	// Changed differ, Missing have no row, Extra are rows that Clerk confirms by a 404 to be gone.
	Changed int64 `json:"changed"`
	Missing int64 `json:"missing"`
	Extra   int64 `json:"extra"`
	// WrongTombstone are deleted here and alive at Clerk. They are never revived by themselves: see Restore. WrongTombstones are the first ids of them.
	WrongTombstone  int64    `json:"wrong_tombstone"`
	WrongTombstones []string `json:"wrong_tombstones,omitempty"`
	// Malformed have not the shape of their kind; each is in clerkstream.walk_letters.
	Malformed int64 `json:"malformed"`
	// Published is the number of events; Requests is the pages and single objects read, without retries.
	Published int64 `json:"published"`
	Requests  int64 `json:"requests"`
	// Note says why the walk is not complete, or what was left alone.
	Note string `json:"note,omitempty"`

	watermark time.Time
}

// Differences counts what a run without DryRun repairs or reports.
func (k *KindResult) Differences() int64 { return k.Changed + k.Missing + k.Extra + k.WrongTombstone }

// Clean reports whether nothing differs in any kind, as far as the walks were complete.
func (r *Result) Clean() bool {
	for i := range r.Kinds {
		if r.Kinds[i].Differences() > 0 {
			return false
		}
	}
	return true
}

// Repaired is the number of events that were published.
func (r *Result) Repaired() (n int64) {
	for i := range r.Kinds {
		n += r.Kinds[i].Published
	}
	return n
}

// maxNamed bounds the ids that a result names.
const maxNamed = 100

// count books one object.
func (k *KindResult) count(c class, id string) {
	switch c {
	case classMatch:
		k.Match++
	case classLag:
		k.Lag++
	case classChanged, classAhead:
		k.Changed++
	case classMissing:
		k.Missing++
	case classWrongTombstone:
		if k.WrongTombstone++; len(k.WrongTombstones) < maxNamed {
			k.WrongTombstones = append(k.WrongTombstones, id)
		}
	case classMalformed:
		k.Malformed++
	}
}
