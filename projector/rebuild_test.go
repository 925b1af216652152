package projector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// operator is a person at this bed.
func (b *bed) operator(t testing.TB, c Config) *Operator {
	t.Helper()
	o, err := NewOperator(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func TestARebuildComesToTheTruthAndToWhatTheLivePathCameTo(t *testing.T) {
	t.Parallel()
	messages, truth := history(1, 60, 400)
	for name, fold := range map[string]int64{"in one go": 0, "in many small steps": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			end := b.append(t, disorder(messages, rand.New(rand.NewPCG(1, 1))))
			b.project(t, b.config(), end)
			o := b.operator(t, b.config())
			if fold > 0 { // less than a person may ask for, so that this short stream is as long as a real one
				o.config.FoldBytes = fold
			}
			built, err := o.Rebuild(t.Context(), nil)
			if err != nil || built.Generation != 2 || built.Sequence != end || built.Resumed {
				t.Fatalf("%+v, %v", built, err)
			}
			if live, rebuilt := b.state(t), b.stateOf(t, "clerk_g2"); live != rebuilt {
				t.Errorf("live\n%s\nrebuilt\n%s", live, rebuilt)
			}
			if _, err := o.Switch(t.Context(), SwitchOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, d := range b.judge(t, truth) {
				t.Error(d)
			}
		})
	}
}

func TestARebuiltGenerationIsFollowedByTheProjectorThatRuns(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p, _ := b.start(t, b.config())
	b.until(t, b.fill(t, 20, "a"))
	if _, err := b.operator(t, b.config()).Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	end := b.fill(t, 20, "b")
	b.generationReaches(t, 1, end)
	b.generationReaches(t, 2, end)
	waitFor(t, p, StateLeading)
}

func TestAProjectorOfNewCodeMayBuildItsOwnGeneration(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 20, "a"))
	c := b.config()
	c.Projections = newCode()
	if err := Run(t.Context(), c); !errors.Is(err, ErrDefinition) || !strings.Contains(err.Error(), "projector rebuild") {
		t.Fatalf("without leave it ended with %v", err)
	}
	c.RebuildAuto = true
	_, _ = b.start(t, c)
	b.generationReaches(t, 2, b.fill(t, 20, "b"))
	if n := value[int](t, b, `select count(*) from clerk_v2.users where full_name is not null`); n != 20 {
		t.Errorf("%d users have the new column", n)
	}
}

func TestAPoisonedWinnerOfARebuildGivesItsPlaceToTheNextBest(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.Publish(t, "msg_0", testkit.Body("user.created", noon, testkit.Data{"id": "user_1", "first_name": "first"})))
	b.Publish(t, "msg_1", testkit.Body("user.updated", noon.Add(1e9), testkit.Data{"id": "user_1", "first_name": "best"}))
	end := b.Publish(t, "msg_2", testkit.Body("user.updated", noon.Add(2e9), testkit.Data{"id": "user_1", "first_name": []int{1}}))
	b.Publish(t, "msg_3", []byte("no json"))
	if _, err := b.operator(t, b.config()).Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if name := value[string](t, b, `select first_name from clerk_v2.users where id = 'user_1'`); name != "best" {
		t.Errorf("first name is %q", name)
	}
	if at := value[uint64](t, b, `select sequence from clerkstream.dead_letters where generation = 2 and closed_at is null`); at != end {
		t.Errorf("the dead letter is of message %d, not %d", at, end)
	}
}

func TestASecondRebuildIsRefusedAndToldWhoIsAtIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 20, "a"))
	first, second := b.operator(t, b.config()), b.operator(t, b.config())
	asked := false
	first.config.switches.step = func(step string) {
		if step != "loaded" || asked {
			return
		}
		asked = true
		if _, err := second.Rebuild(t.Context(), nil); !errors.Is(err, ErrBuilding) || !strings.Contains(err.Error(), "clerkstream projector test, process ") {
			t.Errorf("the second rebuild ended with %v", err)
		}
	}
	if _, err := first.Rebuild(t.Context(), nil); err != nil || !asked {
		t.Fatal(err)
	}
}

// generationReaches waits for one generation's checkpoint.
func (b *bed) generationReaches(t testing.TB, generation int, sequence uint64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if failed := b.failed.Load(); failed != nil {
			t.Fatal(*failed)
		}
		var (
			at    uint64
			state string
		)
		err := b.conn.QueryRow(t.Context(), `
select c.sequence, g.state
from clerkstream.checkpoints c join clerkstream.generations g using (service, generation)
where service = 'test' and generation = $1`, generation).Scan(&at, &state)
		if err == nil && (at < sequence || state == "building") {
			err = fmt.Errorf("generation %d is %s, at %d, and should reach %d", generation, state, at, sequence)
		}
		return err
	})
}

// newCode is the built-in projections as a later release might have them: of users one column is added, one changed, one removed.
func newCode() []projections.Projection {
	all := projections.All()
	for i, p := range all {
		if users, ok := p.(usersProjection); ok {
			all[i] = laterUsers(users)
		}
	}
	return all
}
