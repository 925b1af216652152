package events

import (
	"fmt"
	"strconv"
	"strings"
)

// VersionRule numbers the rule by which Version is computed. It travels beside the version: a reader that knows a newer rule
// computes the version again from the body instead of trusting the header.
const VersionRule = 1

// Version orders the states of one entity. Of two events about the same entity the one with the greater Version is the truth,
// whatever the order of arrival. It is text whose byte order is the order of the tuple
//
//	(epoch, deleted, source time, observed time, verb rank, event id)
//
// so that Go's < on strings, Postgres' < under COLLATE "C" and a reader of the header all agree without decoding anything.
type Version string

// VersionParts is the tuple behind a Version.
type VersionParts struct {
	// Epoch is 0; only an explicit, recorded restore raises it, to lift a wrong tombstone.
	Epoch int
	// Deleted comes before every clock: a delete is terminal.
	Deleted bool
	// Source is when the entity changed, Observed when Clerk said so; both in ms since 1970.
	Source, Observed int64
	// Rank settles equal clocks by the verb: see Rank.
	Rank int
	// EventID settles what is still equal, so that the order is total and every replica agrees.
	EventID string
}

// Version encodes the tuple. Clocks outside [0, maxClock] are clamped, ranks and epochs outside their digits too.
func (p VersionParts) Version() Version {
	deleted := byte('0')
	if p.Deleted {
		deleted = '1'
	}
	var room [128]byte // enough for the ids of every source, so that only the result is allocated
	b := room[:0]
	b = appendPadded(b, int64(p.Epoch), 4)
	b = append(b, '.', deleted, '.')
	b = appendPadded(b, p.Source, 15)
	b = append(b, '.')
	b = appendPadded(b, p.Observed, 15)
	b = append(b, '.')
	b = appendPadded(b, int64(p.Rank), 2)
	b = append(b, '.')
	b = append(b, p.EventID...)
	return Version(b)
}

func appendPadded(b []byte, n int64, width int) []byte {
	limit := int64(1)
	for range width {
		limit *= 10
	}
	n = min(max(n, 0), limit-1)
	var room [20]byte
	digits := strconv.AppendInt(room[:0], n, 10)
	for range width - len(digits) {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// Parse takes a Version apart. It fails on anything that Version did not make.
func (v Version) Parse() (VersionParts, error) {
	f := strings.SplitN(string(v), ".", 6)
	if len(f) != 6 || len(f[0]) != 4 || len(f[1]) != 1 || len(f[2]) != 15 || len(f[3]) != 15 || len(f[4]) != 2 {
		return VersionParts{}, fmt.Errorf("version has not the form epoch.deleted.source.observed.rank.id")
	}
	var n [5]int64
	for i := range n {
		u, err := strconv.ParseUint(f[i], 10, 63)
		if err != nil {
			return VersionParts{}, fmt.Errorf("version field %d is not a number", i+1)
		}
		n[i] = int64(u)
	}
	if n[1] > 1 {
		return VersionParts{}, fmt.Errorf("version field 2 is neither 0 nor 1")
	}
	return VersionParts{int(n[0]), n[1] == 1, n[2], n[3], int(n[4]), f[5]}, nil
}

// Deleted reports whether the version is one of a tombstone, without a full parse: projections ask it for every event.
func (v Version) Deleted() bool { return len(v) > 5 && v[5] == '1' }
