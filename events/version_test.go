package events_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
)

const maxClock = 999_999_999_999_999

// aVersion draws from few values as well as from all, so that ties in every field are common.
func aVersion(t *rapid.T, label string) events.VersionParts {
	clock := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, maxClock), rapid.Just[int64](1788256800000))
	return events.VersionParts{
		Epoch:    rapid.OneOf(rapid.IntRange(0, 1), rapid.IntRange(0, 9999)).Draw(t, label+" epoch"),
		Deleted:  rapid.Bool().Draw(t, label+" deleted"),
		Source:   clock.Draw(t, label+" source"),
		Observed: clock.Draw(t, label+" observed"),
		Rank:     rapid.OneOf(rapid.IntRange(0, 2), rapid.IntRange(0, 99)).Draw(t, label+" rank"),
		EventID:  rapid.OneOf(rapid.StringMatching(`msg_[A-Za-z0-9]{0,3}`), rapid.String()).Draw(t, label+" id"),
	}
}

// compareParts is the tuple's order as the design states it, field by field.
func compareParts(a, b events.VersionParts) int {
	deleted := func(p events.VersionParts) int {
		if p.Deleted {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.Epoch, b.Epoch),
		cmp.Compare(deleted(a), deleted(b)),
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.Observed, b.Observed),
		cmp.Compare(a.Rank, b.Rank),
		strings.Compare(a.EventID, b.EventID),
	)
}

func TestVersionTextOrdersLikeTheTuple(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := aVersion(t, "a"), aVersion(t, "b")
		if got, want := cmp.Compare(a.Version(), b.Version()), compareParts(a, b); got != want {
			t.Fatalf("%q against %q: %d, want %d", a.Version(), b.Version(), got, want)
		}
	})
}

func TestVersionParseUndoesVersion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := aVersion(t, "a")
		v := want.Version()
		got, err := v.Parse()
		if err != nil || got != want {
			t.Fatalf("%q parsed to %+v (%v), want %+v", v, got, err, want)
		}
		if v.Deleted() != want.Deleted {
			t.Fatalf("%q says deleted %t", v, v.Deleted())
		}
	})
}

// TestTheWinnerIsTheSameInAnyOrder is what every reader relies on: whatever the order of arrival, the same event wins.
func TestTheWinnerIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var versions []events.Version
		for range rapid.IntRange(2, 8).Draw(t, "n") {
			versions = append(versions, aVersion(t, "v").Version())
		}
		winner := func(in []events.Version) (best events.Version) {
			for _, v := range in {
				if v > best {
					best = v
				}
			}
			return best
		}
		shuffled := rapid.Permutation(versions).Draw(t, "arrival")
		if got, want := winner(shuffled), slices.Max(versions); got != want {
			t.Fatalf("%q won, want %q", got, want)
		}
	})
}

func TestVersionClampsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ give, want events.VersionParts }{
		"clocks before 1970":   {events.VersionParts{Source: -1, Observed: -1 << 62}, events.VersionParts{}},
		"clocks past the text": {events.VersionParts{Source: 1 << 62, Observed: maxClock + 1}, events.VersionParts{Source: maxClock, Observed: maxClock}},
		"epoch and rank":       {events.VersionParts{Epoch: 10_000, Rank: 100}, events.VersionParts{Epoch: 9999, Rank: 99}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := tc.give.Version().Parse(); err != nil || got != tc.want {
				t.Errorf("got %+v (%v), want %+v", got, err, tc.want)
			}
		})
	}
}

func TestVersionParseRefusesWhatVersionDidNotMake(t *testing.T) {
	t.Parallel()
	const good = "0000.0.001788256800000.001788256800025.02.msg_1"
	if _, err := events.Version(good).Parse(); err != nil {
		t.Fatalf("the control does not parse: %v", err)
	}
	for _, bad := range []string{
		"", "1", "0000.0.001788256800000.001788256800025.02", "000.0.001788256800000.001788256800025.02.msg_1",
		"0000.2.001788256800000.001788256800025.02.msg_1", "0000.x.001788256800000.001788256800025.02.msg_1",
		"0000.0.1788256800000.001788256800025.02.msg_1", "0000.0.+01788256800000.001788256800025.02.msg_1",
		"0000.0.-01788256800000.001788256800025.02.msg_1", "0000.0.001788256800000.00178825680002_.02.msg_1",
		"0000.0.001788256800000.001788256800025.2.msg_1", "0000 0 001788256800000 001788256800025 02 msg_1",
	} {
		if p, err := events.Version(bad).Parse(); err == nil {
			t.Errorf("%q parsed to %+v", bad, p)
		}
	}
}

// TestTheNewerFactWins plays pairs of real bodies: the winner must win whichever comes first.
func TestTheNewerFactWins(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, winner, loser string }{
		{"an update beats the creation", "user.updated", "user.created"},
		{"a late update loses to a newer one", "user.updated", "user.updated.older-than-current"},
		{"a delete beats the update before it", "user.deleted.with-external-id", "user.updated"},
		{"a delete beats even a clock that runs ahead", "user.deleted.with-external-id", "user.updated.huge-clock"},
		{"a membership's delete carries an old updated_at and wins", "organizationMembership.deleted", "organizationMembership.updated"},
		{"so does a role's", "role.deleted.full-object", "role.updated.no-permissions"},
		{"an accepted invitation does not go back to pending", "organizationInvitation.accepted", "organizationInvitation.created"},
		{"an ended session is not created again", "session.ended", "session.created"},
		{"with both clocks equal, revoked beats accepted", "organizationInvitation.revoked", "organizationInvitation.accepted"},
		{"seconds and milliseconds are one scale", "organization.updated.seconds", "organization.created"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if winner, loser := take(t, tc.winner), take(t, tc.loser); winner.Version <= loser.Version {
				t.Errorf("%s (%s) does not beat %s (%s)", tc.winner, winner.Version, tc.loser, loser.Version)
			}
		})
	}
}

func TestARestoreLiftsATombstone(t *testing.T) {
	t.Parallel()
	tombstone := take(t, "user.deleted.with-external-id")
	restored, err := take(t, "user.created").Version.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if restored.Version() >= tombstone.Version {
		t.Fatal("without a new epoch the tombstone must stand")
	}
	restored.Epoch++
	if restored.Version() <= tombstone.Version {
		t.Error("the new epoch does not lift the tombstone")
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	for object, order := range map[string][]string{
		"user":                   {"created", "updated", "renamed", "deleted"},
		"organizationInvitation": {"created", "accepted", "revoked"},
		"session":                {"pending", "created", "ended", "removed", "revoked", "nobody-knows"},
		"subscription":           {"created", "updated", "active", "pastDue"},
		"subscriptionItem":       {"created", "updated", "active", "canceled", "ended", "expired", "nobody-knows", "deleted"},
		"somethingNew":           {"anything", "deleted"},
	} {
		for i := range len(order) - 1 {
			if a, b := events.Rank(object, order[i]), events.Rank(object, order[i+1]); a >= b || b > 99 {
				t.Errorf("%s: rank of %s is %d, of %s %d", object, order[i], a, order[i+1], b)
			}
		}
	}
}

func TestOnlyListedVerbsCarryState(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"user.renamed", "subscription.past_due", "invitation.created", "apiKey.created", "session.deleted", "."} {
		if object, verb, _ := strings.Cut(typ, "."); events.CarriesState(object, verb) {
			t.Errorf("%s carries state", typ)
		}
	}
	for _, typ := range []string{"subscriptionItem.created", "subscriptionItem.expired", "enterpriseConnection.updated"} {
		if object, verb, _ := strings.Cut(typ, "."); !events.CarriesState(object, verb) {
			t.Errorf("%s, which is outside the catalogue, must carry state all the same", typ)
		}
	}
}
