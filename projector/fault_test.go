package projector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit/sequencelog"
)

// applied is how the sequences up to end were applied: how many never, and how many more than once.
func (b *bed) applied(t *testing.T, end uint64) (missing, repeated int) {
	t.Helper()
	if err := b.conn.QueryRow(t.Context(), `
select count(*) filter (where times = 0), count(*) filter (where times > 1)
from (select count(s.sequence) as times from generate_series(1, $1::bigint) n left join clerk_g1.sequences s on s.sequence = n group by n) c`, int64(end)).
		Scan(&missing, &repeated); err != nil {
		t.Fatal(err)
	}
	return missing, repeated
}

// A commit can take effect or not, and we can hear of it or not. Whatever the pair, every message is applied exactly once.
func TestEveryMessageIsAppliedExactlyOnceWhateverACommitDoesAndSays(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	for _, applied := range []bool{true, false} {
		for _, reported := range []bool{true, false} {
			if !applied && reported {
				continue // a commit that reports success and did nothing is not Postgres
			}
			t.Run(fmt.Sprintf("applied %t, reported %t", applied, reported), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				c := b.config()
				c.Projections = append(c.Projections, sequencelog.Projection{})
				c.MaxBatch = 7
				var commits atomic.Int64
				c.switches.commit = func(ctx context.Context, tx pgx.Tx) error {
					faulty := commits.Add(1)%3 == 0
					if faulty && !applied {
						return lost
					}
					err := tx.Commit(ctx)
					if faulty && !reported {
						return lost
					}
					return err
				}
				end := b.fill(t, 60, "x")
				b.project(t, c, end)
				if missing, repeated := b.applied(t, end); missing+repeated > 0 {
					t.Errorf("%d messages are missing and %d were applied more than once", missing, repeated)
				}
				if commits.Load() < 9 {
					t.Errorf("only %d commits: the faults were not seen", commits.Load())
				}
			})
		}
	}
}

func TestALeaderWhoseBackendIsKilledBeginsAnewAndAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	c := b.config()
	c.Projections = append(c.Projections, sequencelog.Projection{})
	c.MaxBatch = 5
	_, _ = b.start(t, c)
	var end uint64
	for round := range 5 {
		end = b.fill(t, 40, fmt.Sprint(round))
		b.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'clerkstream projector test' and datname = current_database()`)
	}
	b.until(t, end)
	if missing, repeated := b.applied(t, end); missing+repeated > 0 {
		t.Errorf("%d messages are missing and %d were applied more than once", missing, repeated)
	}
}

func TestTheSecondProjectorStandsByAndTakesOver(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	first, stopFirst := b.start(t, b.config())
	b.until(t, b.fill(t, 3, "a"))
	second, _ := b.start(t, b.config())
	waitFor(t, second, StateStandby)
	if first.State() != StateLeading || len(second.NotReady()) > 0 {
		t.Errorf("the first is %s, the standby not ready because %v", first.State(), second.NotReady())
	}
	if err := stopFirst(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, second, StateLeading)
	b.until(t, b.fill(t, 3, "b"))
}
