package projector

import (
	"context"
	"fmt"
	"time"
)

// electEvery is how often a standby asks for the lock. Each ask is also the ping that keeps its session.
const electEvery = 500 * time.Millisecond

// elect waits until this session holds the generation's lock. It is a session lock of Postgres on the very connection that will commit: if
// the connection dies, the lock and the ability to commit die together, which no lock held elsewhere can promise.
func (s *session) elect(ctx context.Context) error {
	if s.config.switches.unfenced {
		return nil
	}
	key := fmt.Sprintf("clerkstream/%s/%d", s.config.Service, s.generation.number)
	ask := time.NewTicker(electEvery)
	defer ask.Stop()
	for {
		var leader bool
		if err := s.conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtextextended($1, 0))`, key).Scan(&leader); err != nil {
			return fmt.Errorf("ask for lock %s: %w", key, err)
		}
		if leader {
			return nil
		}
		s.enter(StateStandby, "")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ask.C:
		}
	}
}
