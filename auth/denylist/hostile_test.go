package denylist

import (
	"fmt"
	"testing"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// Whoever may log in to the database may notify. What they say makes nobody pass whom the rows refuse.
func TestAForgedNoticeLetsNobodyPass(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	b.tell(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	token := m.token(at(10), "org:admin")
	b.isRefused(t, "before", token, auth.CodeUserBanned)
	for i, times := range []string{`"occurred_at":"2001-01-01T00:00:00Z",`, ``, `"occurred_at":"9999-01-01T00:00:00Z","later":{"users":[-999999999999999]},`} {
		b.notified(t, fmt.Sprintf(`{"sequence":%d,%s"changes":{"users":[%q]}}`, 1_000_000+i, times, m.user), uint64(1_000_000+i))
		b.isRefused(t, "after a notice with "+times, token, auth.CodeUserBanned)
	}
}

func TestAChangeWithoutATimeCountsFromWhenItIsHeard(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	exec(t, b.conn, `update clerk_g1.users set banned = true`)
	b.notified(t, fmt.Sprintf(`{"sequence":1000000,"changes":{"users":[%q]}}`, m.user), 1_000_000)
	b.isRefused(t, "the token", m.token(at(10), "org:admin"), auth.CodeUserBanned)
	b.passes(t, "one from later", m.token(at(63), "org:admin"))
}

// notified sends a notice and waits until the list has heard it.
func (b *bed) notified(t *testing.T, notice string, sequence uint64) {
	t.Helper()
	exec(t, b.conn, `select pg_notify($1, $2)`, changefeed.Channel("clerk"), notice)
	b.reaches(t, sequence)
}

// Who impersonates is a user too, and the token is theirs.
func TestAnActorWhoIsRevokedImpersonatesNobody(t *testing.T) {
	t.Parallel()
	b := prepare(t, stack.Database(t))
	m, staff, former, gone := newMember("a"), newMember("staff"), newMember("former"), newMember("gone")
	for _, one := range []member{m, staff, former, gone} {
		b.exists(t, one)
	}
	b.project(t, former.userEvent("user.updated", at(-60), testkit.Data{"banned": true}))
	b.listen(t, nil)
	b.clock.set(at(60))
	as := func(actor string, seconds float64) *auth.Identity {
		id := m.token(at(seconds), "org:admin")
		id.Actor = &auth.Actor{Subject: actor, Session: "sess_of_the_dashboard", Issuer: "https://dashboard.clerk.com"}
		return id
	}
	b.isRefused(t, "looked up, the token of a banned actor", as(former.user, -10), auth.CodeUserBanned)
	b.passes(t, "looked up, the user's own token", m.token(at(-10), "org:admin"))
	b.passes(t, "looked up, the token of an actor in order", as(staff.user, -10))
	// Clerk's dashboard has users of its own, who are in no read model of ours.
	b.passes(t, "looked up, the token of an actor from elsewhere", as("user_of_the_dashboard", -10))

	b.passes(t, "before the ban", as(staff.user, 10))
	b.tell(t, staff.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	b.tell(t, deleted("user.deleted", gone.user, at(20)))
	b.isRefused(t, "the token of a banned actor", as(staff.user, 10), auth.CodeUserBanned)
	b.isRefused(t, "the token of a deleted actor", as(gone.user, 30), auth.CodeUserDeleted)
	b.passes(t, "the user's own token", m.token(at(10), "org:admin"))
}
