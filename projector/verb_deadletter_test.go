package projector

import (
	"slices"
	"strings"
	"testing"
)

func TestDeadLettersOnTheCommandLine(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.Publish(t, "msg_1", mailed("user_1", noon, "broken", "ada@example.com"))
	c, fixed := b.fixableConfig()
	b.project(t, c, b.Publish(t, "msg_2", mailed("user_2", noon, "broken", "eva@example.com")))
	say := func(want string, pick func(*flags) verb, args ...string) {
		t.Helper()
		out, err := b.tryVerb(t.Context(), t, c, func(f *flags) (verb, []string) { return pick(f), append([]string{"deadletter"}, args...) })
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, want) {
			t.Errorf("%v says not %q but:\n%s", args, want, out)
		}
		if strings.Contains(out, "example.com") && !slices.Contains(args, "--show-values") && !slices.Contains(args, "--show-body") {
			t.Errorf("%v shows an address:\n%s", args, out)
		}
	}
	list, show := func(f *flags) verb { return &f.Letters.List }, func(f *flags) verb { return &f.Letters.Show }
	retry, discard := func(f *flags) verb { return &f.Letters.Retry }, func(f *flags) verb { return &f.Letters.Discard }

	say("decode", list, "list")
	say("and 1 more", list, "list", "--limit=1")
	say(`"open": 2`, list, "list", "--json")
	say("no dead letters", list, "list", "--reason=refused")
	say("ce-id: msg_1", show, "show", "1")
	say("ada@example.com", show, "show", "1", "--show-body")
	say("no such dead letter", show, "show", "9")
	say(ErrNotChosen.Error(), retry, "retry")
	say("2 still open", retry, "retry", "--reason=decode")
	fixed.Store(true)
	say(`"text(15)"`, retry, "retry", "--reason=decode", "--dry-run")
	say("ada@example.com", retry, "retry", "1", "--dry-run", "--show-values")
	say(`"closed_as": "retried"`, retry, "retry", "1", "--json")
	say("--because", discard, "discard", "2")
	say("1 letters are discarded", discard, "discard", "2", "--because=a test")
	say("discarded: a test", list, "list", "--all")
}
