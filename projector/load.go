package projector

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/projections"
)

// chunk is some survivors of one projection on their way into its table.
type chunk struct {
	messages []*message
	rows     []projections.Row
	failed   []*message // which could not be decoded
}

// loadModel decodes the survivors of one projection and writes them, chunk by chunk, decoding the next while Postgres takes one. It returns those
// that cannot be rows as they are.
func (s *session) loadModel(ctx context.Context, tx pgx.Tx, p int, v *survivors) (left []*message, err error) {
	count := v.count(p)
	if count == 0 {
		return nil, nil
	}
	write := func(ctx context.Context, tx pgx.Tx, tables string, rows []projections.Row) error {
		_, err := s.config.Projections[p].Write(ctx, tx, tables, rows)
		return err
	}
	if loader, ok := s.config.Projections[p].(projections.Loader); ok && s.at.sequence == 0 && s.config.Projections[p].Kind() == projections.KindState {
		write = loader.Load
	}
	decoded := make(chan chunk, 1)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(decoded)
		for from := 0; from < count; from += chunkRows {
			select {
			case decoded <- s.decodeChunk(p, v.messages(p, from, min(from+chunkRows, count))):
			case <-running.Done():
				return running.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		for c := range decoded {
			left = append(left, c.failed...)
			err := pgx.BeginFunc(running, tx, func(inner pgx.Tx) error {
				return write(running, inner, s.generation.tables, c.rows)
			})
			switch {
			case err == nil:
			case causeOf(err) == causeMessage:
				left = append(left, c.messages...)
			default:
				return fmt.Errorf("load %s: %w", s.config.Projections[p].Name(), err)
			}
		}
		return nil
	})
	return left, group.Wait()
}

func (s *session) decodeChunk(p int, messages []*message) chunk {
	rows := make([]projections.Row, len(messages))
	failed := make([]error, len(messages))
	share(len(messages), s.config.Decoders, func(from, to int) {
		for i := from; i < to; i++ {
			rows[i], failed[i] = decodeOne(s.config.Projections[p], messages[i])
			rows[i].Sequence = messages[i].sequence
		}
	})
	c := chunk{}
	for i, m := range messages {
		if failed[i] != nil {
			m.reject(p, rejection{reason: reasonDecode, detail: failed[i].Error()})
			c.failed = append(c.failed, m)
			continue
		}
		c.messages, c.rows = append(c.messages, m), append(c.rows, rows[i])
	}
	return c
}
