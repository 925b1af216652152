package projector

import (
	"strings"
	"testing"
)

func TestReplayOnTheCommandLine(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.project(t, b.config(), b.fill(t, 3, "x"))
	b.exec(t, `delete from clerk_g1.users where id = 'user_1'`)
	for _, step := range []struct{ args, want string }{
		{"replay --from=1 --dry-run", "would replay messages 1 to 3 into generation 1: 3 messages"},
		{"replay --from=1 --to=1", "0 rows changed, 1 were there already"},
		{"replay --entity=user_1 --generation=1", "1 rows changed, 0 were there already"},
	} {
		out := b.run(t, b.config(), func(f *flags) (verb, []string) { return &f.Replay, strings.Fields(step.args) })
		if !strings.Contains(out, step.want) {
			t.Errorf("%s says not %q but:\n%s", step.args, step.want, out)
		}
	}
}
