package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// electEvery is how often a standby asks for the lock. Each ask is also the ping that keeps its session.
const electEvery = 500 * time.Millisecond

// lockKey names a generation's lock.
func lockKey(service string, generation int) string {
	return fmt.Sprintf("clerkstream/%s/%d", service, generation)
}

// elect waits until this session holds the generation's lock. It is a session lock of Postgres on the very connection that will commit: if
// the connection dies, the lock and the ability to commit die together, which no lock held elsewhere can promise.
//
// Nobody asks for the lock of a generation that is not built, but who may build it: an interrupted build is for its builder to take up again.
func (s *session) elect(ctx context.Context) error {
	if s.config.switches.unfenced {
		return nil
	}
	key := lockKey(s.config.Service, s.generation.number)
	ask := time.NewTicker(electEvery)
	defer ask.Stop()
	for {
		var leader bool
		err := s.conn.QueryRow(ctx, `
select case when state <> 'building' or $4 then pg_try_advisory_lock(hashtextextended($3, 0)) else false end
from clerkstream.generations
where service = $1 and generation = $2 and state <> 'retired'`, s.config.Service, s.generation.number, key, s.config.RebuildAuto).Scan(&leader)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return errRetired
		case err != nil:
			return fmt.Errorf("ask for lock %s: %w", key, err)
		case leader:
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
