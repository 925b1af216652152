package projector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/clerkstream/clerkstream/projections"
)

// batch is the messages of one transaction and the rows they come to.
type batch struct {
	messages []*message
	to       checkpoint
	bytes    int64
	// rows by projection, and for each row the index of its message.
	rows   [][]projections.Row
	origin [][]int
	// What the fold found.
	skipped, duplicates, stale int
}

// prepare cuts the stream into batches and folds and decodes each, one batch ahead of the writer. A batch ends when nothing is waiting, which
// keeps the lag low, or when it is full, which keeps the work bounded.
func (s *session) prepare(ctx context.Context, in <-chan *message, out chan<- *batch) error {
	defer close(out)
	for {
		var first *message
		select {
		case m, open := <-in:
			if !open {
				return ctx.Err()
			}
			first = m
		case <-ctx.Done():
			return ctx.Err()
		}
		b := &batch{}
		b.add(first)
		s.fill(b, in)
		b.to.created = s.start.created
		s.fold(b)
		select {
		case out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *session) fill(b *batch, in <-chan *message) {
	// A third of the memory at most: one batch is being written, one is ready, and this one must not starve for their bytes.
	for len(b.messages) < s.config.MaxBatch && b.bytes < s.config.MaxBytes/3 {
		select {
		case m, open := <-in:
			if !open {
				return
			}
			b.add(m)
		default:
			return
		}
	}
}

func (b *batch) add(m *message) {
	b.messages = append(b.messages, m)
	b.bytes += m.size
	b.to.sequence, b.to.messageID = m.sequence, m.id
}

// fold chooses what has to be written and decodes only that: of all events about one entity the one with the greatest version. The choice
// needs no body, and it is the same that the rows' own gate would make one by one. A winner that cannot be decoded is put aside and the
// choice made again without it, so the result does not depend on how the stream was cut into batches.
func (s *session) fold(b *batch) {
	for {
		b.choose(s)
		if !s.decode(b) {
			return
		}
	}
}

func (b *batch) choose(s *session) {
	count := len(s.config.Projections)
	b.rows, b.origin = make([][]projections.Row, count), make([][]int, count)
	b.skipped, b.duplicates, b.stale = 0, 0, 0
	winners := make([]map[string]int, count)
	var wanting []int
	for i, m := range b.messages {
		if m.rejected[everywhere].reason != "" {
			continue
		}
		if wanting = s.wants(&m.event, wanting[:0]); m.event.Unrouted != "" || len(wanting) == 0 {
			b.skipped++
			continue
		}
		if s.config.switches.arrivalOrder {
			m.event.Version = arrival(m)
		}
		for _, p := range wanting {
			if m.rejected[p].reason != "" {
				continue
			}
			if s.config.Projections[p].Kind() == projections.KindLog {
				b.origin[p] = append(b.origin[p], i)
				continue
			}
			b.contend(winners, p, i)
		}
	}
}

// contend lets message i win over the one that holds its entity's place, if it is newer.
func (b *batch) contend(winners []map[string]int, p, i int) {
	if winners[p] == nil {
		winners[p] = map[string]int{}
	}
	e := &b.messages[i].event
	place, taken := winners[p][e.EntityID]
	if !taken {
		winners[p][e.EntityID] = len(b.origin[p])
		b.origin[p] = append(b.origin[p], i)
		return
	}
	held := &b.messages[b.origin[p][place]].event
	if e.Version == held.Version {
		b.duplicates++
		return
	}
	b.stale++
	if e.Version > held.Version {
		b.origin[p][place] = i
	}
}

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

func (b *batch) received() []time.Time {
	times := make([]time.Time, len(b.messages))
	for i := range b.messages {
		times[i] = b.messages[i].event.Received
	}
	return times
}
