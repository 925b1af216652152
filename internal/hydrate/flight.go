package hydrate

import (
	"sync"
	"time"

	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
)

// flight is one object on its way, and where the answer goes.
type flight struct {
	object
	queued time.Time
	// Guarded by flights.mu.
	replies []string
}

// flights are the objects under way: each is there once, from the first request to the answer.
type flights struct {
	cfg    Config
	memory *memory
	queue  chan *flight

	mu    sync.Mutex
	byKey map[object]*flight
	n     int // requests that wait
}

func newFlights(c Config, m *memory) *flights {
	return &flights{cfg: c, memory: m, queue: make(chan *flight, c.Queue), byKey: map[object]*flight{}}
}

// enter finds a request its answer or a place to wait for one: ready says that a is the answer.
func (f *flights) enter(o object, seen uint64, reply string) (a wire.Answer, ready bool) {
	now := f.cfg.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	// Under the lock under which land remembers, so that nobody comes between the end of a flight and its answer.
	if !f.cfg.switches.forgetful {
		if a, ok := f.memory.answer(o, seen, now); ok {
			return a, true
		}
	}
	if f.n >= f.cfg.Askers {
		return busy(), true
	}
	if under, ok := f.byKey[o]; ok && !f.cfg.switches.eachAlone {
		under.replies = append(under.replies, reply)
		f.n++
		return a, false
	}
	next := &flight{object: o, queued: now, replies: []string{reply}}
	select {
	case f.queue <- next:
	default:
		return busy(), true
	}
	f.byKey[o] = next
	f.n++
	return a, false
}

// land ends a flight, and returns whom to tell.
func (f *flights) land(l *flight, a wire.Answer) (replies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.memory.keep(l.object, a, f.cfg.Now())
	delete(f.byKey, l.object)
	f.n -= len(l.replies)
	return l.replies
}

func (f *flights) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// The delays that an asker is told. Busy ends when a few calls are through; unavailable takes an operator, or Clerk, longer.
const (
	busyFor        = 250 * time.Millisecond
	unavailableFor = 2 * time.Second
)

func busy() wire.Answer { return wire.Answer{Status: wire.Busy, RetryAfterMS: busyFor.Milliseconds()} }

func unavailable() wire.Answer {
	return wire.Answer{Status: wire.Unavailable, RetryAfterMS: unavailableFor.Milliseconds()}
}
