package projector

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/settings"
)

func TestAsOfTheCommandLine(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", named("user_1", noon, "Ada"))
	b.project(t, b.config(), b.Publish(t, "msg_2", named("user_1", noon.Add(time.Hour), "Augusta")))
	for args, want := range map[string]string{
		"":                                      "Augusta",
		"--at=1":                                "Ada",
		"--at=2026-03-01T12:30:00Z":             "Ada",
		"--at=1 --diff=2":                       "users.first_name  Ada, by message 1",
		"--at=2026-03-01T13:00:00+01:00":        "users: there",
		"--at=2026-02-01T13:00:00+01:00":        "users: not there",
		"--at=1 --json":                         `"presence": "there"`,
		"--at=1 --diff=2026-03-01T14:00:00Z ":   "3 changes",
		"--at=1 --diff=2 --json":                `"from": 1`,
		"--at=2026-03-01T13:00:00+01:00 --json": `"at": "2026-03-01T12:00:00Z"`,
	} {
		out := b.run(t, b.config(), func(f *flags) (verb, []string) {
			return &f.AsOf, append([]string{"asof", "user_1"}, strings.Fields(args)...)
		})
		if !strings.Contains(out, want) {
			t.Errorf("asof %s says not %q but:\n%s", args, want, out)
		}
	}
	if _, err := ParsePoint("yesterday"); !errors.Is(err, ErrPoint) {
		t.Errorf("a point that is none: %v", err)
	}
}

// run parses a command line as Main does and carries the verb out.
func (b *bed) run(t *testing.T, c Config, chosen func(*flags) (verb, []string)) string {
	t.Helper()
	out, err := b.tryVerb(t.Context(), t, c, chosen)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bed) tryVerb(ctx context.Context, t *testing.T, c Config, chosen func(*flags) (verb, []string)) (string, error) {
	t.Helper()
	var (
		f        flags
		problems settings.Problems
		out      strings.Builder
	)
	one, args := chosen(&f)
	parsed, _ := settings.Parse(&problems, &f, args, &out)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if selected := parsed.Selected().Target.Addr().Interface(); selected != any(one) {
		t.Fatalf("%v selects %T", args, selected)
	}
	err := one.do(ctx, b.operator(t, c), &out)
	return out.String(), err
}
