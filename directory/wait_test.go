package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// seldom is a poll that no test lives to see.
const seldom = time.Hour

// waiting calls a wait and gives its outcome once it waits.
func (o *opened) waiting(t *testing.T, wait func(context.Context) error) <-chan error {
	t.Helper()
	before := o.waiters.count()
	ended := make(chan error, 1)
	go func() { ended <- wait(t.Context()) }()
	testkit.Eventually(t, func() error {
		if o.waiters.count() == before {
			return errors.New("nobody waits")
		}
		return nil
	})
	return ended
}

func TestWhatIsThereIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.shut(t, nil)
	d.waiters.every = seldom
	b.until(t, b.publish(t, "user.created", "user_a", nil))
	for name, wait := range map[string]func() error{
		"as it is":                func() error { return d.WaitFor(t.Context(), KindUsers, "user_a", b.at) },
		"as it was":               func() error { return d.WaitFor(t.Context(), KindUsers, "user_a", b.at.Add(-time.Hour)) },
		"whenever":                func() error { return d.WaitFor(t.Context(), KindUsers, "user_a", time.Time{}) },
		"by a clock that is fine": func() error { return d.WaitFor(t.Context(), KindUsers, "user_a", b.at.Add(999*time.Microsecond)) },
		"gone":                    func() error { return d.WaitGone(t.Context(), KindUsers, "user_b") },
	} {
		if err := wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANoticeEndsTheWait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	d.waiters.every = seldom
	for kind, change := range map[Kind]told{
		KindUsers:                   {"user.created", "user_a", nil},
		KindOrganizations:           {"organization.created", "org_a", nil},
		KindOrganizationMemberships: {"organizationMembership.created", "orgmem_a", member("org_a", "user_a", "org:member")},
		KindOrganizationDomains:     {"organizationDomain.created", "orgdmn_a", verifiedDomain("org_a", "x.example")},
		KindOrganizationInvitations: {"organizationInvitation.created", "orginv_a", testkit.Data{"organization_id": "org_a", "email_address": "x@x.example"}},
		KindRoles:                   {"role.created", "role_a", role("org:member")},
		KindPermissions:             {"permission.created", "perm_a", testkit.Data{"key": "org:x:read"}},
		KindSessions:                {"session.created", "sess_a", testkit.Data{"user_id": "user_a", "status": "active"}},
		KindWaitlistEntries:         {"waitlistEntry.created", "wle_a", nil},
		KindSubscriptions:           {"subscription.created", "csub_a", nil},
		KindSubscriptionItems:       {"subscriptionItem.updated", "csub_item_a", nil},
		KindPaymentAttempts:         {"paymentAttempt.created", "cpa_a", nil},
		KindEnterpriseConnections:   {"enterpriseConnection.created", "ent_a", connection("org_a", true, "x.example")},
	} {
		ended := d.waiting(t, func(ctx context.Context) error { return d.WaitFor(ctx, kind, change.id, noon) })
		b.publish(t, change.typ, change.id, change.data)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	ended := d.waiting(t, func(ctx context.Context) error { return d.WaitGone(ctx, KindUsers, "user_a") })
	b.publish(t, "user.deleted", "user_a", deleted())
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := d.waiters.count() + len(d.waiters.waiting); n != 0 {
		t.Errorf("%d waiters are left", n)
	}
}

func TestAWaitOutlivesTheFeed(t *testing.T) {
	t.Parallel()
	for name, every := range map[string]time.Duration{"and ends when it is back": seldom, "and ends by looking": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			d := b.open(t, func(c *Config) { b.listening(t, c) })
			d.waiters.every = every
			ended := d.waiting(t, func(ctx context.Context) error { return d.WaitFor(ctx, KindUsers, "user_a", noon) })
			letBack := b.cut(t, d)
			b.until(t, b.publish(t, "user.created", "user_a", nil))
			if every == seldom {
				letBack()
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// Who has waited reads what he waited for, though the notice is still under way and memory has the old answer.
func TestAfterTheWaitEveryLookupShowsTheChange(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, func(c *Config) {
		b.listening(t, c)
		c.LostTTL = time.Hour
	})
	d.untilHeard(t, b.publish(t, "user.created", "user_a", with(emails("old@x.example"), "first_name", "Ada")))
	d.untilHeard(t, b.publish(t, "organizationMembership.created", "orgmem_1", member("org_a", "user_a", "org:member")))
	ask := func() string {
		var all []string
		for _, w := range []words{userWords("user_a"), emailWords("old@x.example"), emailWords("new@x.example"), memberWords("org_a", "user_a")} {
			all = append(all, w(t.Context(), d.Directory))
		}
		return strings.Join(all, ", ")
	}
	old := "user_a Ada, user_a, , orgmem_1 org:member"
	if got := ask(); got != old {
		t.Fatal(got)
	}
	b.cut(t, d)
	b.publish(t, "user.updated", "user_a", with(emails("new@x.example"), "first_name", "Bea"))
	changed := b.at
	b.until(t, b.publish(t, "organizationMembership.updated", "orgmem_1", member("org_a", "user_a", "org:admin")))
	if got := ask(); got != old {
		t.Fatalf("without a notice memory says %q, so this test would prove nothing", got)
	}
	if err := d.WaitFor(t.Context(), KindUsers, "user_a", changed); err != nil {
		t.Fatal(err)
	}
	if err := d.WaitFor(t.Context(), KindOrganizationMemberships, "orgmem_1", b.at); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "user_a Bea, , user_a, orgmem_1 org:admin" {
		t.Errorf("after the wait the lookups say %q", got)
	}
}

func TestAWaitEndsWithItsContextAndSaysForWhat(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := d.WaitFor(ctx, KindUsers, "user_a", noon)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "user_a") {
		t.Errorf("it ended with %v", err)
	}
}

func TestWaitsAreRefusedWhenThereAreTooManyAndForWhatNobodyKnows(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.shut(t, func(c *Config) { c.MaxWaiters = 1 })
	ctx, leave := context.WithCancel(t.Context())
	ended := d.waiting(t, func(context.Context) error { return d.WaitFor(ctx, KindUsers, "user_a", noon) })
	if err := d.WaitFor(t.Context(), KindUsers, "user_b", noon); !errors.Is(err, ErrTooManyWaiters) {
		t.Errorf("the second wait ended with %v", err)
	}
	leave()
	<-ended
	if err := d.WaitGone(t.Context(), KindUsers, "user_b"); err != nil {
		t.Errorf("after the first left, the second ended with %v", err)
	}
	if err := d.WaitFor(t.Context(), Kind("users; drop table x"), "user_b", noon); !errors.Is(err, ErrUnknownKind) {
		t.Errorf("an unknown kind ended with %v", err)
	}
}

func TestMissingIsAskedOnceAndThenTheLookupGoesOn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	asked := make(chan string, 100)
	var d *opened
	d = b.open(t, func(c *Config) {
		c.Missing = func(ctx context.Context, kind Kind, id string) error {
			asked <- fmt.Sprint(kind, " ", id)
			switch id {
			case "user_known":
				b.publish(t, "user.created", id, testkit.Data{"first_name": "Ada"})
				return d.WaitFor(ctx, kind, id, time.Time{})
			case "user_trouble":
				return errors.New("Clerk is away")
			}
			return ErrNotFound
		}
	})
	answers := make(chan string, 50)
	for range cap(answers) {
		go func() { answers <- userWords("user_known")(t.Context(), d.Directory) }()
	}
	for range cap(answers) {
		if got := <-answers; got != "user_known Ada" {
			t.Errorf("the answer is %q", got)
		}
	}
	for range 2 { // what Clerk does not have either is asked for once, too
		if got := userWords("user_nobody")(t.Context(), d.Directory); got != "none" {
			t.Errorf("nobody is %q", got)
		}
		if got := memberWords("org_a", "user_nobody")(t.Context(), d.Directory); got != "none" {
			t.Errorf("nobody is a member: %q", got)
		}
	}
	if got := userWords("user_trouble")(t.Context(), d.Directory); !strings.Contains(got, "Clerk is away") {
		t.Errorf("trouble is answered with %q", got)
	}
	emailWords("nobody@x.example")(t.Context(), d.Directory)
	close(asked)
	var all []string
	for a := range asked {
		all = append(all, a)
	}
	want := "users user_known, users user_nobody, organization_memberships org_a/user_nobody, users user_trouble"
	if got := strings.Join(all, ", "); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}
