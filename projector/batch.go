package projector

import (
	"context"
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

func (b *batch) received() []time.Time {
	times := make([]time.Time, len(b.messages))
	for i := range b.messages {
		times[i] = b.messages[i].event.Received
	}
	return times
}
