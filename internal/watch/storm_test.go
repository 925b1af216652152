package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/directory/hydrate"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

// People sign up and make requests to two services at once, and not one webhook is there before the last of them: nobody is told that they do not exist,
// and Clerk is asked once for each. When the webhooks come at last the read model is what the simulator knows to be true.
func TestASignUpStormFindsEverybody(t *testing.T) {
	t.Parallel()
	b := newBed(t, clerksim.ClerkConfig{Limit: 1000})
	b.working(b.watch(func(c *Config) { c.Budget = 1000 }))
	services := []*directory.Directory{b.directory(true), b.directory(true)}
	control := b.directory(false)

	var tried atomic.Int64
	var crowd errgroup.Group
	crowd.SetLimit(64)
	for n := range stormUsers {
		crowd.Go(func() error {
			id, err := b.clerk.SignUp(fmt.Sprintf("person%d@storm.example", n))
			if err != nil {
				return err
			}
			var requests errgroup.Group
			for r := range 4 {
				requests.Go(func() error { return firstRequest(t.Context(), services[r%2], id, &tried) })
			}
			return requests.Wait()
		})
	}
	if err := crowd.Wait(); err != nil {
		t.Error(err)
	}
	calls, most := 0, 0
	for path, n := range b.clerk.Requests().ByPath {
		if strings.HasPrefix(path, "GET /v1/users/user_") {
			calls, most = calls+n, max(most, n)
		}
	}
	if most > 1 || calls > stormUsers || calls == 0 {
		t.Errorf("clerk was asked %d times for %d users, %d times for one of them", calls, stormUsers, most)
	}
	t.Logf("%d users, %d calls, %d lookups that were told to come back", stormUsers, calls, tried.Load())

	absent, err := b.clerk.SignUp("control@storm.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.User(t.Context(), absent); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("control: without the hook a user whose webhook is held back gives %v", err)
	}
	if told := b.deliver(b.clerk.NextDirected); told < stormUsers {
		t.Errorf("only %d webhooks were held back", told)
	}
	b.judge("users", "user_identifiers", "sessions")
}

// firstRequest looks its user up, and comes back where it is told to, as a client that gets a 503.
func firstRequest(ctx context.Context, who *directory.Directory, id string, tried *atomic.Int64) error {
	for range 20 {
		user, err := who.User(ctx, id)
		switch {
		case err == nil && user.ID == id:
			return nil
		case errors.Is(err, hydrate.ErrBusy), errors.Is(err, hydrate.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
			tried.Add(1)
		default:
			return fmt.Errorf("the first request of %s: %+v, %w", id, user, err)
		}
	}
	return fmt.Errorf("%s was never found", id)
}

// judge compares read models with the simulator's truth.
func (b *bed) judge(models ...string) {
	b.t.Helper()
	for _, d := range b.differences(models...) {
		b.t.Errorf("differs: %s", d)
	}
}

func (b *bed) differences(models ...string) []verdict.Difference {
	b.t.Helper()
	truth := b.clerk.Truth()
	want := verdict.Expected{Rows: map[string]map[string]verdict.Row{}, Open: truth.Ties}
	for _, model := range models {
		want.Rows[model] = map[string]verdict.Row{}
		for key, row := range truth.Rows[model] {
			want.Rows[model][key] = verdict.Row(row)
		}
		if len(want.Rows[model]) == 0 {
			b.t.Errorf("control: there are no %s", model)
		}
	}
	differences, _, err := verdict.Compare(b.t.Context(), b.conn, "clerk", want, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(differences, func(d verdict.Difference) bool { return !slices.Contains(models, d.ReadModel) })
}

func TestAThousandFirstRequestsForOneUserAreOneCall(t *testing.T) {
	t.Parallel()
	b := newBed(t, clerksim.ClerkConfig{})
	b.working(b.watch(nil))
	services := []*directory.Directory{b.directory(true), b.directory(true)}
	id, err := b.clerk.SignUp("one@storm.example")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 1000 {
		all.Go(func() {
			if user, err := services[n%2].User(t.Context(), id); err != nil || user.ID != id {
				t.Errorf("%+v, %v", user, err)
			}
		})
	}
	all.Wait()
	if n := b.clerk.Requests().ByPath["GET /v1/users/"+id]; n != 1 {
		t.Errorf("%d calls: %v", n, maps.Clone(b.clerk.Requests().ByPath))
	}
}

func TestOrganizationsAndMembershipsAreFetchedToo(t *testing.T) {
	t.Parallel()
	b := newBed(t, clerksim.ClerkConfig{World: clerksim.Config{Users: 3, Organizations: 1}})
	b.clerk.Found() // roles come with it
	b.working(b.watch(nil))
	who := b.directory(true)
	founder, err := b.clerk.SignUp("founder@storm.example")
	if err != nil {
		t.Fatal(err)
	}
	org, err := b.clerk.CreateOrganization(founder, "Northwind", "northwind")
	if err != nil {
		t.Fatal(err)
	}
	if o, err := who.Organization(t.Context(), org); err != nil || o.Name != "Northwind" {
		t.Errorf("organization %+v, %v", o, err)
	}
	if m, err := who.Membership(t.Context(), org, founder); err != nil || m.Role != "org:admin" {
		t.Errorf("membership %+v, %v", m, err)
	}
	if _, err := who.Membership(t.Context(), org, "user_stranger"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a stranger's membership: %v", err)
	}
	if _, err := who.User(t.Context(), "user_stranger"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
}

// A negative answer ends: when the row comes by webhook the directory hears of it, and when it does not, the watch asks again ten seconds later.
func TestANegativeAnswerEnds(t *testing.T) {
	t.Parallel()
	b := newBed(t, clerksim.ClerkConfig{World: clerksim.Config{Users: 3, Organizations: 1}})
	b.clerk.Found() // roles come with it
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	b.working(b.watch(func(c *Config) { c.Now = func() time.Time { return time.Unix(0, clock.Load()) } }))
	founder, err := b.clerk.SignUp("founder@storm.example")
	if err != nil {
		t.Fatal(err)
	}
	guest, err := b.clerk.SignUp("guest@storm.example")
	if err != nil {
		t.Fatal(err)
	}
	org, err := b.clerk.CreateOrganization(founder, "Northwind", "northwind")
	if err != nil {
		t.Fatal(err)
	}
	client := b.client(b.pool())
	ask := func() error {
		return client.Missing(t.Context(), directory.KindOrganizationMemberships, org+"/"+guest)
	}
	if err := ask(); !errors.Is(err, directory.ErrNotFound) {
		t.Fatalf("before they join: %v", err)
	}
	if _, err := b.clerk.AddMember(org, guest, "org:member"); err != nil {
		t.Fatal(err)
	}
	clock.Add(int64(9 * time.Second))
	if err := ask(); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nine seconds later it is asked again: %v", err)
	}
	clock.Add(int64(time.Second))
	if err := ask(); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
}
