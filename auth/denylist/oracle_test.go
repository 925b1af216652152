package denylist

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// oracle is who may do what, as plain as it can be said: no rows, no notices, no list.
type oracle struct {
	horizon time.Time
	// facts are what became of users, sessions and organizations, roles what became of members.
	facts map[string]fact
	roles map[[2]string]fact
}

// fact is how somebody stands since when.
type fact struct {
	since time.Time
	bad   bool   // banned, ended, deleted
	final bool   // for good
	role  string // of a member; empty of one who was removed
}

// allows is the rule of the package's comment.
func (o *oracle) allows(id *auth.Identity) bool {
	counts := func(f fact) bool { return f.final || !id.IssuedAt.After(f.since) }
	old := !id.IssuedAt.After(o.horizon)
	for _, subject := range []string{id.User, id.Session, id.Org} {
		if f := o.facts[subject]; f.bad && (counts(f) || old) {
			return false
		}
	}
	f, known := o.roles[[2]string{id.Org, id.User}]
	if id.Org == "" || known && f.role == id.Role {
		return true
	}
	// Not a member, or not in this role.
	return !old && (!known || !counts(f))
}

// game is a world that changes at random, on the stream and in the oracle.
type game struct {
	*bed
	oracle
	*rand.Rand
	now         time.Time
	users, orgs []string
	made        int
	joins       map[[2]string]int
}

func (g *game) pick(of []string) string { return of[g.IntN(len(of))] }

// name makes a name that was never used.
func (g *game) name(kind string) string {
	g.made++
	return fmt.Sprintf("%s_%d", kind, g.made)
}

func (g *game) newUser(t *testing.T) string {
	m := member{user: g.name("user")}
	g.publish(t, m.userEvent("user.created", g.now, testkit.Data{}))
	return m.user
}

// sessionOf is one of a user's two.
func (g *game) sessionOf(user string) string { return fmt.Sprintf("sess_%d_%s", g.IntN(2), user) }

// told is when Clerk tells of what happens now.
func (g *game) told() time.Time { return g.now.Add(5 * time.Millisecond) }

// move is one change, as the body of its webhook.
func (g *game) move(t *testing.T) []byte {
	// No two of them at the same time: which of those is newer would be for their ids to say.
	g.now = g.now.Add(10 * time.Millisecond)
	g.clock.set(g.now)
	user, org := g.IntN(len(g.users)), g.IntN(len(g.orgs))
	m := member{user: g.users[user], session: g.sessionOf(g.users[user]), org: g.orgs[org]}
	switch n := g.IntN(20); {
	case n == 0:
		g.facts[m.user] = fact{since: g.told(), bad: true, final: true}
		g.users[user] = g.newUser(t)
		return deleted("user.deleted", m.user, g.told())
	case n == 1:
		g.facts[m.org] = fact{since: g.told(), bad: true, final: true}
		g.orgs[org] = g.name("org")
		return deleted("organization.deleted", m.org, g.told())
	case n == 2:
		g.facts[m.session] = fact{since: g.told(), bad: true}
		return m.sessionEvent("ended", g.now, "ended")
	case n < 8:
		banned := g.IntN(2) == 0
		g.facts[m.user] = fact{since: g.told(), bad: banned}
		return m.userEvent("user.updated", g.now, testkit.Data{"banned": banned})
	}
	return g.moveMember(m)
}

func (g *game) moveMember(m member) []byte {
	key, verb := [2]string{m.org, m.user}, "updated"
	f := fact{since: g.told()}
	switch before := g.roles[key].role; {
	case before == "":
		f.role, verb = "org:member", "created"
		// Clerk gives a membership that begins again a new id.
		g.joins[key]++
	case g.IntN(3) == 0:
		verb = "deleted"
	case before == "org:member":
		f.role = "org:admin"
	default:
		f.role = "org:member"
	}
	g.roles[key] = f
	m.membership = fmt.Sprintf("orgmem_%s_%s_%d", m.org, m.user, g.joins[key])
	return m.membershipEvent(verb, g.now, f.role)
}

func TestTheListAgreesWithWhatHappened(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	// Within the leeway the answer depends on what was looked up before, so there is next to none.
	b := newBed(t, func(c *Config) { c.Leeway = 6 * time.Millisecond })
	g := &game{
		bed: b, Rand: rand.New(rand.NewPCG(seed, 0)), now: noon, joins: map[[2]string]int{},
		oracle: oracle{horizon: noon.Add(b.config.Leeway), facts: map[string]fact{}, roles: map[[2]string]fact{}},
	}
	for range 4 {
		g.users, g.orgs = append(g.users, g.newUser(t)), append(g.orgs, g.name("org"))
	}
	// Those who are there from the start are, in the read model too.
	g.project(t, member{user: "user_0"}.userEvent("user.created", g.now, testkit.Data{}))
	refused, allowed := 0, 0
	for step := range 120 {
		g.step(t, step)
		for range 40 {
			user := g.pick(g.users)
			id := member{user: user, session: g.sessionOf(user), org: g.pick(append(g.orgs, ""))}.token(
				g.now.Add(-time.Duration(g.IntN(30))*time.Second), []string{"org:admin", "org:member"}[g.IntN(2)])
			err := b.Check(t.Context(), id)
			if want := g.allows(id); (err == nil) != want {
				t.Fatalf("step %d: %+v: %v, but it should be allowed: %t", step, id, err, want)
			}
			if err != nil {
				refused++
			} else {
				allowed++
			}
		}
	}
	if refused < 500 || allowed < 500 {
		t.Errorf("%d were refused and %d allowed: this proves little", refused, allowed)
	}
}

// step lets some seconds pass, and some things happen.
func (g *game) step(t *testing.T, step int) {
	g.now = g.now.Add(time.Duration(1+g.IntN(4)) * time.Second)
	g.clock.set(g.now)
	if g.IntN(25) == 0 {
		before := g.metric(t, "denylist_flushes_total", causeNotice)
		g.connMu.Lock()
		exec(t, g.conn, `select pg_notify($1, '{"flush":true}')`, changefeed.Channel("clerk"))
		g.connMu.Unlock()
		g.until(t, "denylist_flushes_total", causeNotice, before+1)
		g.horizon = g.now.Add(g.config.Leeway)
		return
	}
	for range g.IntN(4) {
		g.publish(t, g.move(t))
	}
	g.tell(t, g.move(t))
}
