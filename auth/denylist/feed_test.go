package denylist

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

// ownServer is a database in a Postgres of the test's own, which it may stop.
func ownServer(t *testing.T) (*pgserver.Server, string) {
	t.Helper()
	server, err := pgserver.Start(context.Background(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	if err := server.CreateDatabase(t.Context(), "own", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := migrate.Up(t.Context(), server.URL("own")); err != nil {
		t.Fatal(err)
	}
	conn := testkit.Connect(t, server.URL("own"))
	exec(t, conn, `grant create on database own to clerkstream_owner`)
	return server, server.URL("own")
}

func TestALostFeedIsForgivenForAWhileAndThenThePolicyHolds(t *testing.T) {
	t.Parallel()
	server, database := ownServer(t)
	closed := prepare(t, database)
	m, banned := newMember("a"), newMember("b")
	closed.exists(t, m)
	closed.exists(t, banned)
	closed.listen(t, nil)
	open := &bed{Log: closed.Log, reader: closed.reader}
	open.clock.set(noon)
	open.listen(t, func(c *Config) { c.WhenLost = FailOpen })
	both := []*bed{closed, open}
	tick := func(seconds float64) {
		for _, b := range both {
			b.clock.set(at(seconds))
		}
	}
	tick(60)
	closed.tell(t, banned.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	testkit.Eventually(t, func() error {
		if open.Check(t.Context(), banned.token(at(10), "org:admin")) == nil {
			return errors.New("the other list does not know of the ban")
		}
		return nil
	})

	if err := server.StopImmediate(); err != nil {
		t.Fatal(err)
	}
	for _, b := range both {
		b.hears(t, false)
		b.clock.set(at(60 + 10))
		b.passes(t, "at first, a token", m.token(at(10), "org:admin"))
	}
	closed.isRefused(t, "a token that has to be looked up", m.token(at(-10), "org:admin"), auth.CodeFreshnessUnknown)
	open.passes(t, "a token that has to be looked up", m.token(at(-10), "org:admin"))
	tick(60 + 20)
	closed.isRefused(t, "after the grace, any token", m.token(at(70), "org:admin"), auth.CodeFreshnessUnknown)
	if refusal, ok := errors.AsType[*auth.Error](closed.Check(t.Context(), m.token(at(70), "org:admin"))); !ok || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("the refusal is %+v", refusal)
	}
	open.passes(t, "after the grace, any token", m.token(at(70), "org:admin"))
	open.isRefused(t, "whom the list knows", banned.token(at(10), "org:admin"), auth.CodeUserBanned)
	if n := open.metric(t, "denylist_unchecked_total", ""); n != 2 {
		t.Errorf("%v tokens passed unchecked", n)
	}

	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range both {
		b.hears(t, true)
		b.passes(t, "a token from before, which is in order,", m.token(at(70), "org:admin"))
		b.isRefused(t, "one that is not", banned.token(at(10), "org:admin"), auth.CodeUserBanned)
		b.isRefused(t, "one of which nothing is known", newMember("unheard_of").token(at(70), "org:admin"), auth.CodeTokenOutdated)
		b.passes(t, "the one that follows it", newMember("unheard_of").token(at(83), "org:admin"))
	}
}

// until waits for a metric.
func (b *bed) until(t testing.TB, name, label string, want float64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		if n := b.metric(t, name, label); n != want {
			return fmt.Errorf("%s{%s} is %v and should be %v", name, label, n, want)
		}
		return nil
	})
}

func TestWhatHappenedWhileTheFeedWasAwayIsFoundOut(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	token := m.token(at(10), "org:admin")
	// As if it happened while nobody listened: the row changes and no notice comes.
	exec(t, b.conn, `update clerk_g1.users set banned = true`)
	b.passes(t, "before anybody knows", token)
	exec(t, b.conn, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'clerkstream change feed clerk' and datname = current_database()`)
	b.until(t, "denylist_flushes_total", causeConnected, 2)
	b.hears(t, true)
	b.isRefused(t, "the token from before", token, auth.CodeUserBanned)
	b.passes(t, "a token from afterwards", m.token(at(70), "org:admin"))
}

func TestASwitchPutsEverythingInDoubt(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	exec(t, b.conn, `update clerk_g1.users set banned = true`)
	b.passes(t, "before", m.token(at(10), "org:admin"))
	exec(t, b.conn, `select pg_notify($1, '{"generation":2,"sequence":7,"flush":true}')`, changefeed.Channel("clerk"))
	b.until(t, "denylist_flushes_total", causeNotice, 1)
	b.isRefused(t, "the token from before", m.token(at(10), "org:admin"), auth.CodeUserBanned)
}

func TestRowsThatCannotBeReadAreNotForgotten(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.clock.set(at(60))
	m := newMember("a")
	b.exists(t, m)
	token := m.token(at(10), "org:admin")
	b.passes(t, "the token", token)
	exec(t, b.conn, `alter schema clerk rename to away`)
	b.publish(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	// Once, or twice where the notice of an earlier change was still on its way.
	testkit.Eventually(t, func() error {
		if b.metric(t, "denylist_flushes_total", causeUnread) == 0 {
			return errors.New("nothing was unread")
		}
		return nil
	})
	b.isRefused(t, "while nobody can know, the token", token, auth.CodeFreshnessUnknown)
	exec(t, b.conn, `alter schema away rename to clerk`)
	b.isRefused(t, "the last answer still holds; the token", token, auth.CodeFreshnessUnknown)
	b.clock.set(at(62))
	b.isRefused(t, "now it is read; the token", token, auth.CodeUserBanned)
	if !b.Listening() {
		t.Error("it gave up the feed")
	}
}

func TestAListThatWouldGrowTooLongIsLookedUpInstead(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *Config) { c.MaxEntries = 5 })
	b.clock.set(at(60))
	for i := range 12 {
		m := newMember(fmt.Sprint(i))
		b.tell(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	}
	b.until(t, "denylist_flushes_total", causeOverflow, 2)
	if n := b.metric(t, "denylist_entries", ""); n > 5 {
		t.Errorf("the list has %v entries", n)
	}
	for i := range 12 {
		b.isRefused(t, "a banned user's token", newMember(fmt.Sprint(i)).personal(at(10)), auth.CodeUserBanned)
	}
	if n := len(b.proofs.verdicts); n > 5 {
		t.Errorf("%d look-ups are remembered", n)
	}
}

func TestANoticeOfMoreThanTheListHoldsIsLookedUpInstead(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *Config) { c.MaxEntries = 5 })
	b.clock.set(at(60))
	exec(t, b.conn, `select pg_notify($1, '{"changes":{"users":["a","b","c","d","e","f"]}}')`, changefeed.Channel("clerk"))
	b.until(t, "denylist_flushes_total", causeNotice, 1)
}

func TestEntriesGoWhenNoTokenIsOldEnoughForThem(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *Config) { c.MaxTokenLife = time.Minute })
	b.clock.set(at(20))
	for i := range 2*chunk + 5 {
		b.Denylist.mu.Lock()
		b.entries.set(subject{kindUser, fmt.Sprint(i), ""}, entry{made: at(20).UnixMilli(), code: auth.CodeUserBanned, until: forever})
		b.Denylist.mu.Unlock()
	}
	m := newMember("a")
	b.tell(t, m.userEvent("user.updated", at(20), testkit.Data{"banned": true}))
	b.clock.set(at(80))
	b.tell(t, m.userEvent("user.updated", at(79), testkit.Data{"banned": true}))
	b.expire()
	if n := b.metric(t, "denylist_entries", ""); n != 2*chunk+6 {
		t.Errorf("%v entries are left too early", n)
	}
	b.clock.set(at(80 + 32))
	b.expire()
	if n := b.metric(t, "denylist_entries", ""); n != 1 {
		t.Errorf("%v entries are left, and not the one that was made again", n)
	}
	b.clock.set(at(80 + 92))
	b.until(t, "denylist_entries", "", 0)
	if b.entries.size() != 0 {
		t.Error("what expired is still remembered")
	}
}

func TestAPoolThatDoesNotSeeTheReadModelIsRefused(t *testing.T) {
	t.Parallel()
	b := prepare(t, stack.Database(t))
	d := b.list(t, func(c *Config) {
		c.Pool = pool(t, login(t, b.conn, stack.Postgres(t).URL(b.conn.Config().Database), "nobody"))
	})
	if err := d.Run(t.Context()); !errors.Is(err, ErrMisplaced) {
		t.Errorf("it ended with %v", err)
	}
	// Whoever does not run it is not left in the belief that it works.
	b.clock.set(at(60))
	if err := d.Check(t.Context(), newMember("a").token(at(30), "org:admin")); auth.CodeOf(err) != auth.CodeFreshnessUnknown {
		t.Errorf("a list that does not run says %v", err)
	}
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	good := pool(t, "postgres:///nowhere")
	for name, c := range map[string]Config{
		"no pool": {}, "policy": {Pool: good, WhenLost: 7}, "life": {Pool: good, MaxTokenLife: -1}, "entries": {Pool: good, MaxEntries: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
	d, err := New(Config{Pool: good, ListenURL: "postgres://x:y:z/"})
	if err == nil {
		err = d.Run(t.Context())
	}
	if err == nil {
		t.Error("a URL that cannot be parsed is accepted")
	}
}
