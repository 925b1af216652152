package watch

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// schedule says when the next walks are due. The zero value is never.
type schedule struct {
	// recentEvery is how often users are read by their last change, which costs a few requests.
	recentEvery time.Duration
	// fullAt is the time of day, in UTC, from which everything is walked; negative is never.
	fullAt time.Duration
	// spread moves the full walk, so that the instances of a site do not walk at once.
	spread time.Duration
}

// spreadOver is the time over which full walks are spread.
const spreadOver = 30 * time.Minute

func newSchedule(instance string, recentEvery, fullAt time.Duration) schedule {
	h := fnv.New64a()
	_, _ = h.Write([]byte(instance))
	return schedule{recentEvery: recentEvery, fullAt: fullAt, spread: time.Duration(h.Sum64() % uint64(spreadOver))}
}

// never is later than anything.
var never = time.Unix(1<<40, 0)

// recent is when the next cheap walk is due after one that ended at last: a tenth sooner or later than recentEvery, so that it does not stay in step with
// anything else that happens so often.
func (s schedule) recent(last time.Time) time.Time {
	if s.recentEvery <= 0 {
		return never
	}
	return last.Add(s.recentEvery*9/10 + rand.N(s.recentEvery/5+1))
}

// full is when the next full walk is due after one that began at last; zero is that there was none. It is in the past where one was missed.
func (s schedule) full(last time.Time) time.Time {
	if s.fullAt < 0 {
		return never
	}
	if last.IsZero() {
		return last
	}
	due := last.UTC().Truncate(24 * time.Hour).Add(s.fullAt + s.spread)
	if !due.After(last) {
		due = due.Add(24 * time.Hour)
	}
	return due
}

// ParseTimeOfDay reads HH:MM; empty and off are -1, which is never.
func ParseTimeOfDay(s string) (time.Duration, error) {
	if s == "" || s == "off" {
		return -1, nil
	}
	at, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a time of day like 03:00 nor off", s)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}
