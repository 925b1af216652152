package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// pastClock is Clerk's clock: an hour behind while differences are planted, so that none of them is young, and right afterwards.
type pastClock struct{ now atomic.Bool }

func (p *pastClock) read() time.Time {
	if p.now.Load() {
		return time.Now()
	}
	return time.Now().Add(-time.Hour)
}

// planter makes differences, each of its own user or organization, and books how many events repair them.
type planter struct {
	*bed
	t         testing.TB
	users     []clerksim.SketchedUser
	orgs      []clerksim.SketchedOrg
	want      map[string]KindResult
	tombstone []string
	lastName  int
}

func newPlanter(t testing.TB, b *bed) *planter {
	sketch := b.clerk.Sketch(1 << 20)
	return &planter{bed: b, t: t, users: sketch.Users, orgs: sketch.Organizations, want: map[string]KindResult{}}
}

func (p *planter) user() (u clerksim.SketchedUser) {
	u, p.users = p.users[0], p.users[1:]
	return u
}

// member is somebody in an organization of nobody else's, whom no other difference concerns.
func (p *planter) member() (org, user string) {
	for len(p.orgs) > 0 {
		o := p.orgs[0]
		p.orgs = p.orgs[1:]
		for id := range o.Members {
			for i := range p.users {
				if p.users[i].ID == id {
					p.users = append(p.users[:i:i], p.users[i+1:]...)
					return o.ID, id
				}
			}
		}
	}
	p.t.Fatal("no member is left")
	return "", ""
}

func (p *planter) org() string {
	o := p.orgs[0]
	p.orgs = p.orgs[1:]
	return o.ID
}

// expect books differences of one kind.
func (p *planter) expect(kind string, changed, missing, extra int64) {
	k := p.want[kind]
	k.Changed, k.Missing, k.Extra = k.Changed+changed, k.Missing+missing, k.Extra+extra
	p.want[kind] = k
}

func (p *planter) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// unheard throws away what the changes so far would have told.
func (p *planter) unheard() {
	for {
		if _, ok := p.clerk.NextDirected(); !ok {
			return
		}
	}
}

func (p *planter) name() *string {
	p.lastName++
	name := fmt.Sprintf("Changed %d", p.lastName)
	return &name
}

// plant makes one difference of each kind.
func (p *planter) plant() {
	ctx := p.t.Context()
	_, err := p.clerk.CreateUser()
	p.must(err)
	p.expect("users", 0, 1, 0)

	p.must(p.clerk.DeleteUser(p.user().ID))
	p.expect("users", 0, 0, 1)

	p.must(p.clerk.EditProfile(p.user().ID, clerksim.Profile{FirstName: p.name()}))
	p.must(p.clerk.EditProfileStill(p.user().ID, clerksim.Profile{FirstName: p.name()}))
	p.expect("users", 2, 0, 0)

	from := p.user()
	for from.Email == "" {
		from = p.user()
	}
	p.must(p.clerk.MoveEmail(from.ID, p.user().ID, from.Email))
	p.expect("users", 2, 0, 0)

	// Somebody wrote into the read model.
	_, err = p.conn.Exec(ctx, `update clerk_g1.users set last_name = 'Tampered' where id = $1`, p.user().ID)
	p.must(err)
	p.expect("users", 1, 0, 0)

	// Somebody whom Clerk never had.
	invented := fmt.Sprintf("user_invented%d", p.lastName)
	p.Publish(p.t, "msg_"+invented, testkit.Body("user.created", time.Now().Add(-time.Hour), testkit.Data{"id": invented}))
	p.expect("users", 0, 0, 1)

	org, user := p.member()
	p.must(p.clerk.ChangeRole(org, user, other(p.roleOf(org, user))))
	p.expect("organization_memberships", 1, 0, 0)

	org, user = p.member()
	p.must(p.clerk.RemoveMember(org, user))
	p.expect("organization_memberships", 0, 0, 1)

	org, _ = p.member()
	for _, err = p.clerk.AddMember(org, p.user().ID, "org:member"); errors.Is(err, clerksim.ErrRefused); {
		_, err = p.clerk.AddMember(org, p.user().ID, "org:member") // somebody who is none of its members yet
	}
	p.must(err)
	p.expect("organization_memberships", 0, 1, 0)

	p.must(p.clerk.RenameOrganization(p.org(), *p.name(), fmt.Sprintf("changed-%d", p.lastName)))
	p.must(p.clerk.RenameOrganizationStill(p.org(), *p.name(), fmt.Sprintf("changed-%d", p.lastName)))
	p.expect("organizations", 2, 0, 0)

	p.must(p.clerk.DeleteOrganization(p.org()))
	p.expect("organizations", 0, 0, 1)

	// What Clerk changes without telling is no difference.
	p.must(p.clerk.Visit(p.user().ID, true))
	p.must(p.clerk.Visit(p.user().ID, false))
	p.unheard()

	victim := p.user().ID
	m, err := p.clerk.FalseDeletion(victim)
	p.must(err)
	p.Publish(p.t, m.ID, m.Body)
	p.tombstone = append(p.tombstone, victim)
	k := p.want["users"]
	k.WrongTombstone++
	p.want["users"] = k
}

func (p *planter) roleOf(org, user string) (role string) {
	p.must(p.conn.QueryRow(p.t.Context(), `select role from clerk.organization_memberships where organization_id = $1 and user_id = $2`, org, user).Scan(&role))
	return role
}

func other(role string) string {
	if role == "org:admin" {
		return "org:member"
	}
	return "org:admin"
}

// flow changes other users and tells it at once, until ctx ends.
func (p *planter) flow(ctx context.Context, users []clerksim.SketchedUser) error {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("Flow %d", n)
		if err := p.clerk.EditProfile(users[n%len(users)].ID, clerksim.Profile{LastName: &name}); err != nil {
			return err
		}
		if n%5 == 0 {
			if _, err := p.clerk.CreateUser(); err != nil {
				return err
			}
		}
		if err := p.deliver(ctx, p.clerk.NextDirected, 0); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond): // a busy instance, not a flood
		}
	}
	return ctx.Err()
}

func TestPlantedDifferencesAreAllFoundAndRepairedAndNothingElse(t *testing.T) {
	t.Parallel()
	clock := &pastClock{}
	c := world(plantedUsers, plantedUsers/5+20*plantedOfEach, 0, -1, false)
	c.Now = clock.read
	b := newBed(t, c)
	b.clerk.Found()
	r := b.reconciler(t, func(c *Config) { c.Grace = time.Minute })
	if _, err := r.Backfill(t.Context(), BackfillOptions{}); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
	p := newPlanter(t, b)
	busy := p.users[len(p.users)-20:]
	p.users = p.users[:len(p.users)-20]
	for range plantedOfEach {
		p.plant()
	}
	b.settle(t)

	clock.now.Store(true)
	stop := keep(t, func(ctx context.Context) error { return p.flow(ctx, busy) })
	if err := b.clerk.SetFaults(clerksim.Faults{ErrorRate: 0.1, CutRate: 0.02, ThrottleRate: 0.002, Throttle: time.Second}); err != nil {
		t.Fatal(err)
	}
	// A dry run finds the same and says nothing.
	before := b.ofUs(t)
	dry, err := r.Reconcile(t.Context(), Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	p.compare("dry run", dry, false)
	if after := b.ofUs(t); after != before {
		t.Errorf("a dry run published %d events", after-before)
	}
	found, err := r.Reconcile(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.compare("reconcile", found, true)
	for _, id := range p.tombstone {
		if _, err := r.Restore(t.Context(), id, "deleted by mistake"); err != nil {
			t.Error(err)
		}
	}
	stop()
	p.must(b.clerk.SetFaults(clerksim.Faults{}))
	p.must(p.deliver(context.Background(), p.clerk.Next, 0))
	b.expectVisited(t)

	again, err := r.Reconcile(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !again.Clean() || again.Repaired() > 0 {
		t.Errorf("after the repair there are differences still: %+v", again)
	}
	var restores int
	p.must(b.conn.QueryRow(t.Context(), `select count(*) from clerkstream.restores where sequence is not null and reason <> ''`).Scan(&restores))
	if restores != len(p.tombstone) {
		t.Errorf("%d of %d restores are recorded", restores, len(p.tombstone))
	}
}

// compare holds a result against what was planted.
func (p *planter) compare(what string, r Result, published bool) {
	p.t.Helper()
	for _, k := range r.Kinds {
		want := p.want[k.Kind]
		if !published && k.Kind == "organization_memberships" {
			k.Extra = want.Extra // with those of who is deleted, whose rows are hidden only once that is repaired
		}
		if k.Changed != want.Changed || k.Missing != want.Missing || k.Extra != want.Extra || k.WrongTombstone != want.WrongTombstone || !k.Complete {
			p.t.Errorf("%s of %s: changed %d, missing %d, extra %d, wrong tombstones %d, complete %v (%s); want %d, %d, %d, %d", what, k.Kind,
				k.Changed, k.Missing, k.Extra, k.WrongTombstone, k.Complete, k.Note, want.Changed, want.Missing, want.Extra, want.WrongTombstone)
		}
		if repairs := want.Changed + want.Missing + want.Extra; published && k.Published != repairs {
			p.t.Errorf("%s of %s: %d were repaired, want %d", what, k.Kind, k.Published, repairs)
		}
		if k.Kind == "users" && k.Lag < 2 {
			p.t.Errorf("%s: what Clerk changes without telling is not lag", what)
		}
	}
}

// ofUs counts the events that did not come by webhook.
func (b *bed) ofUs(t testing.TB) (n int) {
	t.Helper()
	b.settle(t)
	last := b.last(t)
	for seq := uint64(1); seq <= last; seq++ {
		m, err := b.Stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Clerkstream-Source") == "reconcile" {
			n++
		}
	}
	return n
}

// expectVisited is expectTruth but for the columns that nobody tells.
func (b *bed) expectVisited(t testing.TB) {
	t.Helper()
	b.settle(t)
	for _, d := range b.differences(t) {
		if d.ReadModel == "users" && (d.Column == "last_active_at" || d.Column == "last_sign_in_at" || d.Column == "updated_at") {
			continue
		}
		t.Error(d)
	}
}
