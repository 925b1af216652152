package projector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/sequencelog"
)

func (o *Operator) mustReplay(t *testing.T, options ReplayOptions) Replayed {
	t.Helper()
	done, err := o.Replay(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestAReplayOfEverythingChangesNothing(t *testing.T) {
	t.Parallel()
	messages, _ := history(3, 40, 200)
	b := newBed(t)
	end := b.append(t, disorder(messages, rand.New(rand.NewPCG(3, 1))))
	b.project(t, b.config(), end)
	before := b.state(t)
	c := b.config()
	c.MaxBatch = 100
	done := b.operator(t, c).mustReplay(t, ReplayOptions{From: 1})
	if done.Applied != 0 || done.Messages != int(end) || done.DeadLetters != 0 || done.Transactions < int(end)/100 || done.Duplicates == 0 {
		t.Errorf("it did %+v", done)
	}
	if b.state(t) != before {
		t.Error("the tables are others")
	}
	if b.at(t) != end {
		t.Errorf("the checkpoint is at %d, not at %d", b.at(t), end)
	}

	// The negative control: a log without a key shows what was applied twice.
	c.Projections = append(c.Projections, sequencelog.Projection{})
	c.Service, c.Schema = "test2", "other"
	_, stop := b.start(t, c)
	testkit.Eventually(t, func() error {
		if n := value[int](t, b, `select coalesce(max(sequence), 0) from clerkstream.checkpoints where service = 'test2'`); n < int(end) {
			return fmt.Errorf("it is at %d", n)
		}
		return nil
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b.operator(t, c).mustReplay(t, ReplayOptions{From: 10, To: 19})
	if n := value[int](t, b, `select count(*) from other_g1.sequences where sequence between 10 and 19`); n != 20 {
		t.Errorf("a replay of ten messages left %d of them", n)
	}
}

func TestAReplayBringsBackWhatWasDeletedByHand(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.fill(t, 20, "x")
	end := b.Publish(t, "msg_7b", named("user_7", noon.Add(time.Hour), "newest"))
	b.project(t, b.config(), end)
	before := b.state(t)
	o := b.operator(t, b.config())
	lost := func() int { return 20 - value[int](t, b, `select count(*) from clerk.users`) }
	for name, options := range map[string]ReplayOptions{"entity": {Entity: "user_7"}, "range": {From: 1, To: end}} {
		b.exec(t, `delete from clerk_g1.users where id = 'user_7'`)
		options.DryRun = true
		if done := o.mustReplay(t, options); done.Applied != 1 || lost() != 1 {
			t.Errorf("%s: a dry run did %+v, and %d rows are lost", name, done, lost())
		}
		options.DryRun = false
		if done := o.mustReplay(t, options); done.Applied != 1 || b.state(t) != before {
			t.Errorf("%s: it did %+v, and the tables are the same: %t", name, done, b.state(t) == before)
		}
	}
}

func TestAReplayTellsReadersOfTheRowsThatChanged(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 3, "x"))
	listener := listen(t, b)
	o := b.operator(t, b.config())
	o.mustReplay(t, ReplayOptions{From: 1})
	b.exec(t, `delete from clerk_g1.users where id = 'user_1'`)
	o.mustReplay(t, ReplayOptions{From: 1})
	notice, err := listener.WaitForNotification(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"generation":1,"sequence":3,"occurred_at":"2026-03-01T12:00:00.005Z","changes":{"users":["user_1"]}}`; notice.Payload != want {
		t.Errorf("the notice is %s", notice.Payload)
	}
}

func TestAReplayBesideAProjectorAndAWriterLosesNothing(t *testing.T) {
	t.Parallel()
	m := newMoments(clerksim.Config{Seed: 5, Users: 40, Organizations: 8, Changes: 250})
	_, truth := history(5, 40, 250)
	random := rand.New(rand.NewPCG(5, 1))
	all := disorder(m.messages, random)
	b := newBed(t)
	half := b.append(t, all[:len(all)/2])
	c := b.config()
	c.MaxBatch = 10
	_, _ = b.start(t, c)
	b.until(t, half)

	ended := make(chan error, 1)
	replays := 0
	o := b.operator(t, c)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := o.Replay(t.Context(), ReplayOptions{From: 1}); err != nil {
				ended <- err
				return
			}
			replays++
		}
	}()
	for i, one := range all[len(all)/2:] {
		b.Publish(t, fmt.Sprintf("%s_%d", one.ID, i), one.Body)
	}
	end := b.Publish(t, "msg_last", named("user_last", noon, "last"))
	b.until(t, end)
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if replays == 0 {
		t.Error("no replay ran beside the writer")
	}
	b.exec(t, `delete from clerk_g1.users where id = 'user_last'`)
	b.exec(t, `delete from clerk_g1.user_identifiers where user_id = 'user_last'`)
	for _, d := range b.judge(t, truth) {
		t.Error(d)
	}
	if n := value[int](t, b, `select count(*) from clerkstream.dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestAReplayWhoseLastMessageWasErasedEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	end := b.fill(t, 5, "x")
	b.project(t, b.config(), end)
	if err := b.Stream.SecureDeleteMsg(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if done := b.operator(t, b.config()).mustReplay(t, ReplayOptions{From: 1}); done.Messages != 4 {
		t.Errorf("it did %+v", done)
	}
}

func TestAReplayIsRefusedWhatIsNoReplay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	end := b.fill(t, 3, "x")
	b.project(t, b.config(), end)
	b.fill(t, 3, "y") // which no projector has applied
	o := b.operator(t, b.config())
	for name, test := range map[string]struct {
		options ReplayOptions
		want    error
	}{
		"nothing":                    {ReplayOptions{}, ErrNothingToReplay},
		"a range and an entity":      {ReplayOptions{From: 1, Entity: "user_1"}, ErrNothingToReplay},
		"an end alone":               {ReplayOptions{To: 1}, ErrNothingToReplay},
		"a generation of nobody's":   {ReplayOptions{From: 1, Generation: 2}, ErrNotOurs},
		"behind the checkpoint":      {ReplayOptions{From: 1, To: 100}, nil},
		"all that is about a user":   {ReplayOptions{Entity: "user_1"}, nil},
		"a user nobody has heard of": {ReplayOptions{Entity: "user_9"}, nil},
	} {
		done, err := o.Replay(t.Context(), test.options)
		if !errors.Is(err, test.want) || done.Applied > 0 || done.Messages > int(end) {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
	if at := b.at(t); at != end {
		t.Errorf("the checkpoint is at %d, not at %d", at, end)
	}
}
