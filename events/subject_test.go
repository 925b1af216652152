package events_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
)

func TestSubjectParseUndoesString(t *testing.T) {
	t.Parallel()
	token := rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`).Filter(func(s string) bool { return s != "unrouted" })
	rapid.Check(t, func(t *rapid.T) {
		want := events.Subject{
			Instance: token.Draw(t, "instance"), Object: token.Draw(t, "object"), EntityID: token.Draw(t, "id"), Verb: token.Draw(t, "verb"),
		}
		if got, err := events.ParseSubject(want.String()); err != nil || got != want {
			t.Fatalf("%s parsed to %+v (%v)", want, got, err)
		}
	})
}

func TestParseSubjectRefusesOtherForms(t *testing.T) {
	t.Parallel()
	if _, err := events.ParseSubject("clerk.prod.user.user_1.updated"); err != nil {
		t.Fatalf("the control does not parse: %v", err)
	}
	for _, bad := range []string{
		"", "clerk", "clerk.prod.user.user_1", "clerk.prod.user.user_1.updated.more", "other.prod.user.user_1.updated",
		"clerk..user.user_1.updated", "clerk.prod.user..updated", "clerk.prod.user.*.updated", "clerk.prod.user.user_1.>",
		"clerk.prod.user.user 1.updated", "clerk.prod.user.usér.updated", "clerk.prod.unrouted." + idHash,
		"clerk.prod.unrouted.user_1.created", "clerk.prod.user." + strings.Repeat("x", 256) + ".updated",
	} {
		if s, err := events.ParseSubject(bad); err == nil {
			t.Errorf("%q parsed to %+v", bad, s)
		}
	}
}

func TestIsUnroutedSubject(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]bool{
		"clerk.prod.unrouted." + idHash:  true,
		"clerk.prod.unrouted":            false,
		"clerk.prod.unrouted.":           false,
		"clerk..unrouted." + idHash:      false,
		"clerk.prod.unrouted.*":          false,
		"clerk.prod.user." + idHash:      false,
		"other.prod.unrouted." + idHash:  false,
		"clerk.prod.user.user_1.updated": false,
	} {
		if got := events.IsUnroutedSubject(subject); got != want {
			t.Errorf("%s: %t", subject, got)
		}
	}
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"user_3B": true, "a": true, "A-Z_09": true, strings.Repeat("x", 255): true,
		"": false, ".": false, "*": false, ">": false, "a b": false, "a\n": false, "é": false, "\xff": false, "a\x00": false, strings.Repeat("x", 256): false,
	} {
		if got := events.IsToken(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
}

func TestEverySampleLiesUnderItsInstance(t *testing.T) {
	t.Parallel()
	const prefix = "clerk.prod."
	for _, name := range sampleNames(t) {
		if e := take(t, name); !strings.HasPrefix(e.Subject(), prefix) {
			t.Errorf("%s lies at %s, outside %s", name, e.Subject(), prefix)
		}
	}
}

func TestSplitType(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string][2]string{
		"user.created": {"user", "created"}, "subscription.past_due": {"subscription", "past_due"},
		"user": {}, "user.": {}, ".created": {}, "user.a.b": {}, "user.*": {}, "us er.created": {}, "unrouted.created": {}, "": {},
	} {
		object, verb, ok := events.SplitType(typ)
		if got := [2]string{object, verb}; got != want || ok != (want[0] != "") {
			t.Errorf("%q: %v, %t", typ, got, ok)
		}
	}
}
