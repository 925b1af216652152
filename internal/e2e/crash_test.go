package e2e

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

// history is a generated past and the world that it happened in.
func history(users, changes int) (messages []clerksim.Message, world *clerksim.World) {
	world = clerksim.NewWorld(clerksim.Config{Seed: 7, Users: users, Organizations: users / 5, Changes: changes})
	for m, ok := world.Next(); ok; m, ok = world.Next() {
		messages = append(messages, m)
	}
	return messages, world
}

func TestKillingIngestAndProjectorUnderLoadLosesNothingAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	messages, world := history(crashUsers, crashChanges)
	b.total = len(messages)
	watching := testkit.Connect(t, b.database)
	position := func() int { return b.position(watching) }

	group, ctx := errgroup.WithContext(t.Context())
	// Both are killed on the way, now the one and now the other.
	group.Go(b.keep(ctx, t, torment{"ingest", b.marks(crashKills, 0), b.acknowledged}))
	group.Go(b.keep(ctx, t, torment{"projector", b.marks(crashKills, b.total/(2*crashKills)), position}))
	var report clerksim.SendReport
	group.Go(func() (err error) {
		report, err = b.send(ctx, messages)
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Log(report)
	end, err := b.last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() error {
		if at := position(); at < end {
			return fmt.Errorf("the projector is at %d of %d", at, end)
		}
		return nil
	})
	b.expectAll(t, end, demo.Expected(world))

	lost, twice := b.lost(t)
	if len(lost) > 0 {
		t.Errorf("%d acknowledged deliveries are not on the stream: %v", len(lost), lost)
	}
	// What nobody disturbed proves nothing.
	if b.acknowledged() != b.total || report.Accepted != b.total {
		t.Errorf("%d of %d messages were acknowledged", b.acknowledged(), b.total)
	}
	for what, n := range map[string]int{
		"deliveries that a dead ingest refused": report.Refused, "retries": report.Retries, "duplicates": report.Duplicates,
		"events that lie on the stream twice": twice,
	} {
		if n == 0 {
			t.Errorf("there were no %s", what)
		}
	}
}

// marks are moments well before the end, so that the load goes on after each.
func (b *bed) marks(count, shift int) (all []int) {
	for n := range count {
		all = append(all, (n+1)*b.total/(count+2)+shift)
	}
	return all
}

// expectAll holds the tables against every place of the stream and against the truth.
func (b *bed) expectAll(t *testing.T, end int, truth verdict.Expected) {
	t.Helper()
	var missing, repeated, invented int
	if err := b.conn.QueryRow(t.Context(), `
select count(*) filter (where n is not null and times = 0), count(*) filter (where times > 1), count(*) filter (where n is null)
from (select n, count(s.sequence) times from generate_series(1, $1::bigint) n full join clerk_g1.sequences s on s.sequence = n group by n) c`, end).
		Scan(&missing, &repeated, &invented); err != nil {
		t.Fatal(err)
	}
	if missing+repeated+invented > 0 {
		t.Errorf("of %d places %d are missing, %d were applied more than once, and %d are none", end, missing, repeated, invented)
	}
	found, rows, err := verdict.Compare(t.Context(), b.conn, "clerk", truth, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		t.Error(d)
	}
	if rows["users"] < 50 || rows["organization_memberships"] < 50 || rows["sessions"] < 10 {
		t.Errorf("there is little to compare: %v", rows)
	}
	var letters int
	if err := b.conn.QueryRow(t.Context(), `select count(*) from clerkstream.dead_letters`).Scan(&letters); err != nil || letters > 0 {
		t.Errorf("%d dead letters: %v", letters, err)
	}
}

// The same load and the same kill, but an ingest that answers before the broker does: the test must see the loss.
func TestAnIngestThatAnswersTooSoonIsSeenToLose(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	messages, _ := history(20, 40)
	b.total = len(messages)
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(b.keep(ctx, t, torment{"hasty", b.marks(4, 0), b.acknowledged}))
	group.Go(func() error {
		_, err := b.send(ctx, messages)
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	// The last one still publishes what it took. Once this is there, all of that is; what the dead ones had taken is gone.
	mark := messages[0]
	mark.ID = "msg_mark"
	if _, err := b.send(t.Context(), []clerksim.Message{mark}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() error {
		if !slices.Contains(b.stored(t), mark.ID) {
			return fmt.Errorf("%s is not stored", mark.ID)
		}
		return nil
	})
	lost, _ := b.lost(t)
	if len(lost) == 0 {
		t.Errorf("nothing of %d was lost: the crash test would not see it", b.total)
	}
}
