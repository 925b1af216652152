package directory

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// stamps tell whether something changed since a moment. Moments are readings of a clock that each change moves on, not times of day.
//
// What was read carries the moment at which its reading began, and is used only while everything it was made of is unchanged since. So it does not
// matter when it is stored: a change during the reading shows in the stamps whether it is heard before the storing or after it.
type stamps struct {
	clock atomic.Uint64
	// forgotten is the moment at which everything of a what was last in doubt.
	forgotten [whats]atomic.Uint64
	// changed is by hash of the changed entity; entities that share a place make each other look changed, which costs a query.
	changed []atomic.Uint64
	seed    maphash.Seed
}

// places is how many there are: 512 KiB, and at a thousand changes a second an entry outlives its neighbours by about a minute.
const places = 1 << 16

func newStamps() *stamps {
	return &stamps{changed: make([]atomic.Uint64, places), seed: maphash.MakeSeed()}
}

// now is the moment at which a reading begins. It must be taken before the query is sent. A change that is being noted at this moment was
// committed before, so the query sees it, on whichever side of the clock's step it falls.
func (s *stamps) now() uint64 { return s.clock.Load() }

// touch notes that these changed.
func (s *stamps) touch(keys ...key) {
	moment := s.clock.Add(1)
	for _, k := range keys {
		raise(s.place(k.what, k.a, k.b), moment)
	}
}

// forget notes that everything of these may have changed.
func (s *stamps) forget(these ...what) {
	moment := s.clock.Add(1)
	for _, w := range these {
		raise(&s.forgotten[w], moment)
	}
}

func (s *stamps) unchanged(since uint64, w what, a, b string) bool {
	return s.place(w, a, b).Load() <= since
}

func (s *stamps) remembered(since uint64, w what) bool { return s.forgotten[w].Load() <= since }

func (s *stamps) place(w what, a, b string) *atomic.Uint64 {
	h := maphash.String(s.seed, a) + uint64(w)*0x9e3779b97f4a7c15
	if b != "" {
		h ^= bits.RotateLeft64(maphash.String(s.seed, b), 31)
	}
	return &s.changed[(h^h>>32)%places]
}

// raise never sets a moment back, for whoever notes another change beside us.
func raise(p *atomic.Uint64, moment uint64) {
	for {
		old := p.Load()
		if old >= moment || p.CompareAndSwap(old, moment) {
			return
		}
	}
}
