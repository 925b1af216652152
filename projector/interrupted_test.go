package projector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

// What a child is told that carries out a verb and dies at one of its steps.
const (
	childVerb = "CLERKSTREAM_TEST_VERB"
	childStep = "CLERKSTREAM_TEST_STEP"
)

// verbs of generations, each with the steps at which it can be interrupted: those in -ing before a commit, the others behind it.
var interrupted = []struct {
	verb  string
	steps []string
}{
	{"rebuild", []string{"registering", "registered", "loading", "loaded", "exposing", "ready"}},
	{"switch", []string{"switching", "switched"}},
	{"rollback", []string{"switching", "switched"}},
	{"retire", []string{"retiring", "retired"}},
}

// carryOut does a verb as often as it is called: what was done already is no error.
func carryOut(ctx context.Context, o *Operator, verb string) (err error) {
	switch verb {
	case "rebuild":
		_, err = o.Rebuild(ctx, nil)
	case "switch":
		_, err = o.Switch(ctx, SwitchOptions{})
	case "rollback":
		_, err = o.Rollback(ctx, SwitchOptions{})
	case "retire":
		err = o.Retire(ctx, 1)
	}
	if errors.Is(err, ErrNoGeneration) {
		return nil
	}
	return err
}

// dieAtStep is a child's whole life.
func dieAtStep(ctx context.Context, c Config) error {
	c.switches.step = func(name string) {
		if name == os.Getenv(childStep) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	o, err := NewOperator(ctx, c)
	if err != nil {
		return err
	}
	return carryOut(ctx, o, os.Getenv(childVerb))
}

func (b *bed) killAtStep(t *testing.T, verb, step string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childEnv+"=verb", childVerb+"="+verb, childStep+"="+step,
		childInstance+"="+b.Instance, childDatabase+"="+b.url, childNATS+"="+b.URL)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s did not die at %s: %v\n%s", verb, step, err, out)
	}
}

// prepare brings the bed to where a verb begins.
func (b *bed) prepare(t *testing.T, o *Operator, verb string) {
	t.Helper()
	before := map[string][]string{"switch": {"rebuild"}, "rollback": {"rebuild", "switch"}, "retire": {"rebuild", "switch"}}[verb]
	for _, v := range before {
		if err := carryOut(t.Context(), o, v); err != nil {
			t.Fatalf("%s before %s: %v", v, verb, err)
		}
	}
}

func TestAKilledVerbLeavesAStateFromWhichTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	for _, tc := range interrupted {
		for _, step := range tc.steps {
			t.Run(tc.verb+" at "+step, func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.project(t, b.config(), b.fill(t, 30, "a"))
				o := b.operator(t, b.config())
				b.prepare(t, o, tc.verb)
				b.killAtStep(t, tc.verb, step)
				b.isWhole(t)
				b.eventually(t, func() error { return carryOut(t.Context(), o, tc.verb) })
				b.isWhole(t)
			})
		}
	}
}

func TestAVerbThatLosesPostgresLeavesAStateFromWhichTheNextOneGoesOn(t *testing.T) {
	t.Parallel()
	pg, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Stop(context.Background()) })
	for i, tc := range interrupted {
		for j, step := range tc.steps {
			name := fmt.Sprintf("verb_%d_%d", i, j)
			if err := pg.CreateDatabase(t.Context(), name, ""); err != nil {
				t.Fatal(err)
			}
			if _, _, err := migrate.Up(t.Context(), pg.URL(name)); err != nil {
				t.Fatal(err)
			}
			b := &bed{Log: stack.Log(t), url: pg.URL(name), conn: testkit.Connect(t, pg.URL(name))}
			b.project(t, b.config(), b.fill(t, 30, "a"))
			o := b.operator(t, b.config())
			b.prepare(t, o, tc.verb)
			lost := false
			o.config.switches.step = func(at string) {
				if at == step && !lost {
					lost = true
					if err := errors.Join(pg.StopImmediate(), pg.Restart(t.Context())); err != nil {
						t.Error(err)
					}
				}
			}
			err := carryOut(t.Context(), o, tc.verb)
			if behind := strings.HasSuffix(step, "ing"); !lost || behind != (err != nil) && step != "loaded" && step != "registered" {
				t.Errorf("%s at %s: %v", tc.verb, step, err)
			}
			b.conn = testkit.Connect(t, b.url)
			b.isWhole(t)
			b.eventually(t, func() error { return carryOut(t.Context(), o, tc.verb) })
			b.isWhole(t)
		}
	}
}

// eventually lets the server notice first that a client is dead.
func (b *bed) eventually(t *testing.T, try func() error) {
	t.Helper()
	testkit.Eventually(t, func() error {
		err := try()
		if err != nil && !errors.Is(err, ErrBuilding) {
			t.Fatal(err)
		}
		return err
	})
}

// isWhole checks that readers see everything, that exactly one generation is live, and that the schemas are those of the generations on record.
func (b *bed) isWhole(t *testing.T) {
	t.Helper()
	if n := value[int](t, b, `select count(*) from clerk.users`); n != 30 {
		t.Errorf("readers see %d users", n)
	}
	if n := value[int](t, b, `select count(*) from clerkstream.generations where state = 'live'`); n != 1 {
		t.Errorf("%d generations are live", n)
	}
	found := value[[]string](t, b, `select coalesce(array_agg(nspname::text order by nspname), '{}') from pg_namespace where nspname like 'clerk\_%' or nspname = 'clerk'`)
	want := value[[]string](t, b, `
select array_agg(s order by s)
from (
  select table_schema as s from clerkstream.generations where state <> 'retired'
  union all select view_schema || '_v' || generation from clerkstream.generations where state = 'ready'
  union all select 'clerk'
) schemas`)
	if !slices.Equal(found, want) {
		t.Errorf("there are schemas %v, and on record %v", found, want)
	}
}
