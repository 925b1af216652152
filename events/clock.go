package events

import (
	"math"
	"strconv"
	"time"
)

// Time is a moment in ms since 1970, as Clerk writes it; 0 is none. It reads seconds too (below 1e12), numbers in quotes and null.
type Time int64

// UnmarshalJSON implements the decoders' interface.
func (t *Time) UnmarshalJSON(raw []byte) error {
	*t = Time(clock(raw))
	return nil
}

// maxClock is the greatest ms value that keeps a version's width: the year 33658. Postgres' timestamptz ends far behind it.
const maxClock = 999_999_999_999_999

// maxSeconds is where seconds end and milliseconds begin: as ms it is September 2001, long before Clerk.
const maxSeconds = 1_000_000_000_000

// clock reads a time in ms. Clerk's documentation says milliseconds and all of its examples, which the portal sends as test events,
// show seconds. What is no number is no clock: 0. A number beyond every width is the greatest clock, not none, so that the guard
// against clocks that run ahead sees it.
func clock(raw []byte) int64 {
	switch {
	case len(raw) == 0:
		return 0
	case raw[0] == '"':
		n, err := strconv.ParseInt(text(raw), 10, 64)
		if err != nil {
			return 0
		}
		return Millis(n)
	case raw[0] >= '0' && raw[0] <= '9':
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return Millis(n)
		}
		f, _ := strconv.ParseFloat(string(raw), 64) // beyond its range it is an infinity
		if f < maxSeconds {
			f *= 1000
		}
		return int64(math.Round(min(max(f, 0), maxClock)))
	}
	return 0
}

// Millis lifts a time that may be in seconds to milliseconds: below 1e12 it is seconds. A negative time is none, one past the year
// 33658 is cut to it.
func Millis(n int64) int64 {
	switch {
	case n <= 0:
		return 0
	case n < maxSeconds:
		return n * 1000
	}
	return min(n, maxClock)
}

// msTime is none for what RFC 3339 cannot write.
func msTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	if t := time.UnixMilli(ms).UTC(); t.Year() <= 9999 {
		return t
	}
	return time.Time{}
}
