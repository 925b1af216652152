package projector

import (
	"fmt"
	"sync"

	"github.com/clerkstream/clerkstream/projections"
)

// decodeInline is the number of rows up to which starting goroutines costs more than it saves.
const decodeInline = 32

// decode turns the chosen messages into rows, in parallel. It reports whether any of them had to be put aside.
func (s *session) decode(b *batch) (rejected bool) {
	type failure struct{ projection, message int }
	var (
		mu     sync.Mutex
		failed = map[failure]rejection{}
	)
	for p, origin := range b.origin {
		b.rows[p] = make([]projections.Row, len(origin))
		share(len(origin), s.config.Decoders, func(from, to int) {
			for n := from; n < to; n++ {
				m := b.messages[origin[n]]
				row, err := decodeOne(s.config.Projections[p], m)
				if err != nil {
					mu.Lock()
					failed[failure{p, origin[n]}] = rejection{reason: reasonDecode, detail: err.Error()}
					mu.Unlock()
					continue
				}
				row.Sequence = m.sequence
				b.rows[p][n] = row
			}
		})
	}
	for f, r := range failed {
		b.messages[f.message].reject(f.projection, r)
	}
	return len(failed) > 0
}

// decodeOne keeps a projection's panic to the one message that caused it.
func decodeOne(p projections.Projection, m *message) (row projections.Row, err error) {
	defer func() {
		if r := recover(); r != nil {
			// What was thrown may hold a value of the payload; its type does not.
			err = fmt.Errorf("projection %s panicked with %T", p.Name(), r)
		}
	}()
	return p.Decode(&m.event)
}

// share cuts n pieces of work into runs and waits until all are done.
func share(n, workers int, run func(from, to int)) {
	if n <= decodeInline || workers == 1 {
		run(0, n)
		return
	}
	var group sync.WaitGroup
	size := (n + workers - 1) / workers
	for from := 0; from < n; from += size {
		group.Go(func() { run(from, min(from+size, n)) })
	}
	group.Wait()
}
