package denylist

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// revocations are the ways in which a member's access ends, 20 seconds after noon. The tokens are of 10 and of 30 seconds after noon, by an admin.
var revocations = []struct {
	name   string
	revoke func(m member) [][]byte
	code   auth.Code
	// final says that no token is newer than this.
	final bool
	// personal says that it also ends what is outside of the organization.
	personal bool
}{
	{"user deleted", func(m member) [][]byte { return [][]byte{deleted("user.deleted", m.user, at(20))} }, auth.CodeUserDeleted, true, true},
	{"user banned", func(m member) [][]byte {
		return [][]byte{m.userEvent("user.updated", at(20), testkit.Data{"banned": true})}
	}, auth.CodeUserBanned, false, true},
	{"user locked", func(m member) [][]byte {
		return [][]byte{m.userEvent("user.updated", at(20), testkit.Data{"locked": true})}
	}, auth.CodeUserLocked, false, true},
	{"user deprovisioned", func(m member) [][]byte {
		return [][]byte{m.userEvent("user.updated", at(20), testkit.Data{"deprovisioned": true})}
	}, auth.CodeUserDeprovisioned, false, true},
	{"session ended", func(m member) [][]byte { return [][]byte{m.sessionEvent("ended", at(20), "ended")} }, auth.CodeSessionEnded, false, true},
	{"session removed", func(m member) [][]byte { return [][]byte{m.sessionEvent("removed", at(20), "removed")} }, auth.CodeSessionEnded, false, true},
	{"session revoked", func(m member) [][]byte { return [][]byte{m.sessionEvent("revoked", at(20), "revoked")} }, auth.CodeSessionEnded, false, true},
	{"organization deleted", func(m member) [][]byte { return [][]byte{deleted("organization.deleted", m.org, at(20))} }, auth.CodeOrgDeleted, true, false},
	{"member removed", func(m member) [][]byte { return [][]byte{m.membershipEvent("deleted", at(20), "org:admin")} }, auth.CodeMembershipRemoved, false, false},
	{"role changed", func(m member) [][]byte { return [][]byte{m.membershipEvent("updated", at(20), "org:member")} }, auth.CodeRoleChanged, false, false},
	{"role changed in an old instance", func(m member) [][]byte { return [][]byte{m.membershipEvent("updated", at(20), "basic_member")} }, auth.CodeRoleChanged, false, false},
	{"removed, and back as somebody less", func(m member) [][]byte {
		again := m
		again.membership = "orgmem_0" + m.user // before the first in any order of names
		return [][]byte{m.membershipEvent("deleted", at(18), "org:admin"), again.membershipEvent("created", at(20), "org:member")}
	}, auth.CodeRoleChanged, false, false},
	{"back as somebody less, and the old membership's end comes late", func(m member) [][]byte {
		again := m
		again.membership = "orgmem_0" + m.user // before the first in any order of names
		return [][]byte{again.membershipEvent("created", at(20), "org:member"), m.membershipEvent("deleted", at(18), "org:admin")}
	}, auth.CodeRoleChanged, false, false},
}

func TestWhatEndsAccessEndsItForTokensFromBefore(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	for i, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			m, other := newMember(string(rune('a'+i))), newMember(string(rune('A'+i)))
			other.org = m.org
			b.exists(t, other)
			b.exists(t, m)
			before, after := m.token(at(10), "org:admin"), m.token(at(30), "org:admin")
			b.passes(t, "nothing happened yet: the token", before)
			for _, body := range r.revoke(m) {
				b.tell(t, body)
			}
			b.isRefused(t, "the token from before", before, r.code)
			if r.final {
				b.isRefused(t, "any token", after, r.code)
			} else {
				b.passes(t, "the token that Clerk issued afterwards", after)
			}
			if r.personal {
				b.isRefused(t, "the token outside of the organization", m.personal(at(10)), r.code)
			} else {
				b.passes(t, "the token outside of the organization", m.personal(at(10)))
			}
			if r.code != auth.CodeOrgDeleted {
				b.passes(t, "a fellow member", other.token(at(10), "org:admin"))
			}
		})
	}
}

// The negative control: it is the notice that ends access. Of a row that changes without one the list knows nothing.
func TestWithoutANoticeAccessGoesOn(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	m := newMember("a")
	b.exists(t, m)
	exec(t, b.conn, `update clerk_g1.users set banned = true`)
	exec(t, b.conn, `update clerk_g1.organization_memberships set role = 'org:member'`)
	b.passes(t, "the token", m.token(at(10), "org:admin"))
}

func TestWhatIsTakenBackRefusesNothingMore(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	token := m.token(at(10), "org:admin")
	b.tell(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	b.isRefused(t, "a banned user's token", token, auth.CodeUserBanned)
	b.tell(t, m.userEvent("user.updated", at(21), testkit.Data{"banned": false}))
	b.passes(t, "the token of a user who is banned no more", token)

	b.tell(t, m.membershipEvent("updated", at(22), "org:member"))
	b.isRefused(t, "the former admin's token", token, auth.CodeRoleChanged)
	b.tell(t, m.membershipEvent("updated", at(23), "org:admin"))
	b.passes(t, "the token of an admin who is one again", token)

	b.tell(t, m.membershipEvent("deleted", at(24), "org:admin"))
	b.isRefused(t, "the former member's token", token, auth.CodeMembershipRemoved)
	m.membership = "orgmem_again"
	b.tell(t, m.membershipEvent("created", at(25), "org:admin"))
	b.passes(t, "the token of a member who is back as before", token)
}

func TestLagRefusesNoFreshToken(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	b.passes(t, "a token of somebody of whom no event came yet", newMember("unheard_of").token(at(30), "org:admin"))

	m := newMember("a")
	b.exists(t, m)
	b.tell(t, m.membershipEvent("deleted", at(20), "org:admin"))
	b.passes(t, "a member who is back, of which no event came yet", m.token(at(21), "org:member"))
	b.tell(t, m.userEvent("user.updated", at(30), testkit.Data{"banned": true}))
	b.passes(t, "a user who is banned no more, of which no event came yet", m.personal(at(31)))
	// A token's time is that of its second, so within the same one only what it says can tell.
	n := newMember("b")
	b.exists(t, n)
	b.tell(t, n.membershipEvent("updated", at(40.2), "org:member"))
	b.passes(t, "a token with the new role, of the second of the change", n.token(at(40.7), "org:member"))
	b.isRefused(t, "one with the old role, of that second", n.token(at(40.1), "org:admin"), auth.CodeRoleChanged)
}

func TestOneSessionsEndLeavesTheOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	phone := m
	phone.session = "sess_phone"
	b.tell(t, phone.sessionEvent("created", at(5), "active"))
	b.tell(t, phone.sessionEvent("ended", at(20), "ended"))
	b.isRefused(t, "the session that ended", phone.token(at(10), "org:admin"), auth.CodeSessionEnded)
	b.passes(t, "the other one", m.token(at(10), "org:admin"))
}

func TestACascadeNeedsNoEventsOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	elsewhere := m
	elsewhere.org, elsewhere.membership = "org_elsewhere", "orgmem_elsewhere"
	b.project(t, elsewhere.orgEvent("created", at(-60)))
	b.tell(t, elsewhere.membershipEvent("created", at(-60), "org:admin"))
	b.tell(t, deleted("organization.deleted", m.org, at(20)))
	b.isRefused(t, "the token in the deleted organization", m.token(at(10), "org:admin"), auth.CodeOrgDeleted)
	b.passes(t, "the token in another one", elsewhere.token(at(10), "org:admin"))
	b.tell(t, deleted("user.deleted", m.user, at(25)))
	b.isRefused(t, "the deleted user's token, wherever", elsewhere.token(at(10), "org:admin"), auth.CodeUserDeleted)
}

func TestEachChangeOfANoticeHasATimeOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	old, young := newMember("a"), newMember("b")
	b.exists(t, old)
	b.exists(t, young)
	exec(t, b.conn, `update clerk_g1.users set banned = true`)
	exec(t, b.conn, `select pg_notify($1, '{"sequence":100,"occurred_at":"2026-03-01T12:00:20Z","changes":{"users":["user_a","user_b"]},"later":{"users":[0,20000]}}')`,
		changefeed.Channel("clerk"))
	testkit.Eventually(t, func() error {
		if b.Check(t.Context(), young.personal(at(10))) == nil {
			return errors.New("the notice was not heard yet")
		}
		return nil
	})
	b.isRefused(t, "the token from before the later change", young.personal(at(30)), auth.CodeUserBanned)
	b.passes(t, "the token from after the earlier one", old.personal(at(30)))
}

func TestOfTwoMembershipsTheYoungerCounts(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("b")
	b.exists(t, m)
	// The events of the former ones' end are late, or lost. Names say nothing about age.
	for i, again := range []string{"orgmem_a", "orgmem_c"} {
		m.membership = again
		former, role := []string{"org:admin", "org:member"}[i], []string{"org:member", "org:viewer"}[i]
		b.tell(t, m.membershipEvent("created", at(20+float64(i)), role))
		b.isRefused(t, "the token with the former role", m.token(at(10), former), auth.CodeRoleChanged)
		b.passes(t, "the token with the new one", m.token(at(10), role))
	}
}

func TestATimeFromTheFutureRefusesNothingFromThere(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	b.tell(t, m.userEvent("user.updated", at(3600), testkit.Data{"banned": true}))
	b.isRefused(t, "a token that exists by now", m.personal(at(60)), auth.CodeUserBanned)
	b.passes(t, "one that Clerk issues later", m.personal(at(70)))
}

func TestADeletedMembershipThatDoesNotSayWhoseFlushes(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	m := newMember("a")
	b.exists(t, m)
	b.clock.set(at(60))
	token := m.token(at(10), "org:admin")
	b.passes(t, "the token", token)
	b.tell(t, deleted("organizationMembership.deleted", m.membership, at(20)))
	b.isRefused(t, "the token from before", token, auth.CodeTokenOutdated)
	if b.metric(t, "denylist_flushes_total", causeNotice) != 1 {
		t.Error("the horizon did not move")
	}
}

func TestTheTimeFromClerkToEnforcementIsMeasured(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(23.005))
	m := newMember("a")
	b.exists(t, m)
	b.tell(t, m.sessionEvent("created", at(-60), "active"))
	before := b.metric(t, "revocation_seconds", "")
	b.tell(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	b.isRefused(t, "the token", m.token(at(10), "org:admin"), auth.CodeUserBanned)
	if n := b.metric(t, "revocation_seconds", "") - before; n != 1 {
		t.Errorf("%v revocations were measured", n)
	}
	if n := b.metric(t, "denylist_refusals_total", string(auth.CodeUserBanned)); n != 1 {
		t.Errorf("%v refusals were counted", n)
	}
}

func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	newMetrics(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 || len(families) != 7 {
		t.Errorf("%d metrics: %v %v", len(families), problems, err)
	}
}
