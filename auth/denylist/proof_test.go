package denylist

import (
	"sync"
	"testing"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestATokenFromBeforeTheFeedIsComparedWithTheReadModel(t *testing.T) {
	t.Parallel()
	b := prepare(t, stack.Database(t))
	good, banned, locked, ended, demoted, removed, gone := newMember("good"), newMember("banned"), newMember("locked"), newMember("ended"), newMember("demoted"),
		newMember("removed"), newMember("gone")
	for _, m := range []member{good, banned, locked, ended, demoted, removed, gone} {
		b.exists(t, m)
	}
	b.project(t, banned.userEvent("user.updated", at(-60), testkit.Data{"banned": true}))
	b.project(t, locked.userEvent("user.updated", at(-60), testkit.Data{"locked": true}))
	b.project(t, ended.sessionEvent("ended", at(-60), "ended"))
	b.project(t, demoted.membershipEvent("updated", at(-60), "org:member"))
	b.project(t, removed.membershipEvent("deleted", at(-60), "org:admin"))
	b.project(t, deleted("user.deleted", gone.user, at(-60)))
	b.listen(t, nil)
	const outdated = auth.CodeTokenOutdated
	for name, one := range map[string]struct {
		token *auth.Identity
		code  auth.Code
	}{
		"in order":                          {good.token(at(-90), "org:admin"), ""},
		"in order, as of an old instance":   {good.token(at(-90), "admin"), ""},
		"in order, of the horizon's second": {good.token(at(2), "org:admin"), ""},
		"outside of any organization":       {removed.personal(at(-90)), ""},
		"of a session that nobody told of":  {member{good.user, "sess_old", good.org, ""}.token(at(-90), "org:admin"), ""},
		"banned":                            {banned.token(at(-90), "org:admin"), auth.CodeUserBanned},
		"locked":                            {locked.token(at(-90), "org:admin"), auth.CodeUserLocked},
		"ended":                             {ended.token(at(-90), "org:admin"), auth.CodeSessionEnded},
		"demoted":                           {demoted.token(at(-90), "org:admin"), outdated},
		"removed":                           {removed.token(at(-90), "org:admin"), outdated},
		"gone":                              {gone.token(at(-90), "org:admin"), outdated},
		"in another organization":           {member{good.user, good.session, banned.org, ""}.token(at(-90), "org:admin"), outdated},
		"never heard of":                    {newMember("x").token(at(-90), "org:admin"), outdated},
		"never heard of, in the leeway":     {newMember("x").token(at(2), "org:admin"), outdated},
		"never heard of, after the horizon": {newMember("x").token(at(3), "org:admin"), ""},
	} {
		if code := auth.CodeOf(b.Check(t.Context(), one.token)); code != one.code {
			t.Errorf("%s: %q, not %q", name, code, one.code)
		}
	}
}

func TestTheSameClaimsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	m := newMember("a")
	b.exists(t, m)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { b.passes(t, "a token", m.token(at(-10), "org:admin")) })
	}
	all.Wait()
	b.passes(t, "an older one", m.token(at(-60), "org:admin"))
	if n := b.metric(t, "denylist_lookups_total", ""); n != 1 {
		t.Errorf("%v look-ups", n)
	}
	b.passes(t, "one without organization", m.personal(at(-10)))
	if n := b.metric(t, "denylist_lookups_total", ""); n != 2 {
		t.Errorf("%v look-ups", n)
	}
}

func TestARefusalIsLookedUpOnceASecond(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	m := newMember("a")
	for range 10 {
		b.isRefused(t, "nobody's token", m.token(at(-10), "org:admin"), auth.CodeTokenOutdated)
	}
	if n := b.metric(t, "denylist_lookups_total", ""); n != 1 {
		t.Errorf("%v look-ups", n)
	}
	b.exists(t, m)
	b.clock.set(at(1))
	b.passes(t, "the token of somebody whose events came", m.token(at(-10), "org:admin"))
}

func TestAFlushForgetsWhatIsBeingLookedUp(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	m := newMember("a")
	b.exists(t, m)
	token := m.token(at(-10), "org:admin")
	tx, err := b.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `lock table clerk_g1.users`); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- b.Check(t.Context(), token) }()
	b.until(t, "denylist_lookups_total", "", 1)
	other := testkit.Connect(t, b.conn.Config().ConnString())
	exec(t, other, `select pg_notify($1, '{"flush":true}')`, changefeed.Channel("clerk"))
	b.until(t, "denylist_flushes_total", causeNotice, 1)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	b.passes(t, "the token", token)
	if n := b.metric(t, "denylist_lookups_total", ""); n != 2 {
		t.Errorf("%v look-ups: one from before the flush counts", n)
	}
}

func TestWhatAServiceDoesNotProjectIsNotLookedFor(t *testing.T) {
	t.Parallel()
	b := prepare(t, stack.Database(t))
	m := newMember("a")
	b.project(t, m.userEvent("user.created", at(-60), testkit.Data{}))
	exec(t, b.conn, `drop view clerk.sessions; drop view clerk.organization_memberships; drop view clerk.organizations`)
	b.listen(t, nil)
	b.clock.set(at(60))
	b.passes(t, "the token", m.token(at(-10), "org:admin"))
	b.tell(t, m.membershipEvent("deleted", at(20), "org:admin"))
	b.passes(t, "the token", m.token(at(10), "org:admin"))
	b.tell(t, m.userEvent("user.updated", at(21), testkit.Data{"banned": true}))
	b.isRefused(t, "the token", m.token(at(10), "org:admin"), auth.CodeUserBanned)
}
