package hydrate

import (
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
)

// again is after how long Clerk is asked once more for an object that an asker misses although its read model has applied what the last answer told
// of. Either it came back meanwhile, or the read model will not show it, and then every lookup would be a call.
const again = time.Second

// object is what is asked for.
type object struct{ kind, id string }

// memory is the answers of the last seconds, found and absent. It is bounded by number: whoever asks for made-up ids drives out others' answers, which
// costs a call each, and no memory.
type memory struct {
	kept *otter.Cache[object, remembered]
	span time.Duration
}

type remembered struct {
	answer wire.Answer
	at     time.Time
}

func newMemory(size int, span time.Duration) (*memory, error) {
	// The age is looked at when an answer is used: otter's own expiry would take a goroutine.
	kept, err := otter.New(&otter.Options[object, remembered]{MaximumSize: size})
	if err != nil {
		return nil, fmt.Errorf("make memory of answers: %w", err)
	}
	return &memory{kept, span}, nil
}

// answer is one that may be given again to an asker who has seen the stream up to a sequence.
func (m *memory) answer(o object, seen uint64, now time.Time) (a wire.Answer, ok bool) {
	r, ok := m.kept.GetIfPresent(o)
	if !ok {
		return a, false
	}
	age := now.Sub(r.at)
	// A clock that went back makes a negative age, which is no age to go by.
	if age < 0 || age >= m.span {
		return a, false
	}
	if r.answer.Status == wire.Found && seen >= r.answer.Sequence && age >= again {
		return a, false
	}
	return r.answer, true
}

// keep remembers what will be the same for a while. Busy and unavailable are over when they are over.
func (m *memory) keep(o object, a wire.Answer, now time.Time) {
	if a.Status == wire.Found || a.Status == wire.Absent {
		m.kept.Set(o, remembered{a, now})
	}
}
