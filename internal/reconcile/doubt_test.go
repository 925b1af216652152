package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func TestWhatIsYoungIsNotTakenForDeleted(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	user, name := b.clerk.Sketch(1).Users[0].ID, "Changed"
	if err := b.clerk.EditProfile(user, clerksim.Profile{FirstName: &name}); err != nil {
		t.Fatal(err)
	}
	if err := b.deliver(t.Context(), b.clerk.Next, 0); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
	if err := b.clerk.DeleteUser(user); err != nil { // and nobody tells
		t.Fatal(err)
	}
	for _, tc := range []struct {
		grace time.Duration
		extra int64
	}{{time.Hour, 0}, {0, 1}} {
		r.config.Grace = tc.grace
		found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"users"}, DryRun: true})
		if err != nil || found.Kinds[0].Extra != tc.extra {
			t.Errorf("with a grace of %s: %+v: %v", tc.grace, found, err)
		}
	}
}

// There is no path to it, and that is not Clerk's 404.
func TestARowThatDoesNotSayWhoseItIsIsNotTakenForDeleted(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	if tag, err := b.conn.Exec(t.Context(), `
update clerk_g1.organization_memberships set id = 'orgmem_stray', organization_id = null
where id = (select min(id) from clerk.organization_memberships)`); err != nil || tag.RowsAffected() != 1 {
		t.Fatal(tag, err)
	}
	found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"organization_memberships"}})
	if err != nil {
		t.Fatal(err)
	}
	if k := found.Kinds[0]; k.Missing != 1 || k.Extra != 0 || k.Published != 1 {
		t.Errorf("%+v", k)
	}
}

func TestASlugIsNoId(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	org, err := b.clerk.CreateOrganization(b.clerk.Sketch(1).Users[0].ID, "Acme", "acme-doubt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Bring(t.Context(), "organizations", "acme-doubt"); !errors.Is(err, clerkapi.ErrNotFound) {
		t.Errorf("by its slug: %v", err)
	}
	if brought, err := r.Bring(t.Context(), "organizations", org); err != nil || !brought.Published {
		t.Errorf("by its id: %+v: %v", brought, err)
	}
}

func TestWhatClerkRefusesOfOneKindKeepsNoOtherFromBeingCompared(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	api := b.shifted(t, "", false, func(path string) bool { return path == "organization_permissions" })
	found, err := b.through(t, r, api, false).Reconcile(t.Context(), Options{Kinds: []string{"permissions", "users"}})
	if err == nil || !strings.Contains(err.Error(), "permissions") {
		t.Errorf("it says %v", err)
	}
	if len(found.Kinds) != 2 || found.Kinds[0].Complete || !found.Kinds[1].Complete || found.Kinds[1].Match != 30 {
		t.Errorf("%+v", found)
	}
}

func TestALetterStaysOpenWhereOurClockIsFast(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	r.config.Now = func() time.Time { return time.Now().Add(time.Hour) }
	bad := b.clerk.Sketch(30).Users[3].ID
	if err := b.clerk.SetFaults(clerksim.Faults{Garbage: []string{bad}}); err != nil {
		t.Fatal(err)
	}
	found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"users"}})
	if err != nil || found.Kinds[0].Malformed != 1 || !found.Kinds[0].Complete {
		t.Fatalf("%+v: %v", found, err)
	}
	if open := b.openLetters(t); len(open) != 1 || open[0] != bad {
		t.Errorf("open letters: %v", open)
	}
}

// Who is changed after their page was read is older than the newest that the rest of the walk meets.
func TestAWatermarkIsNotLaterThanTheBeginningOfTheWalk(t *testing.T) {
	t.Parallel()
	began := time.Now()
	var m moment
	for _, after := range []time.Duration{-time.Hour, 50 * time.Minute, 1000 * time.Hour} {
		m.see([]clerkapi.Object{{Data: fmt.Appendf(nil, `{"updated_at":%d}`, began.Add(after).UnixMilli())}})
	}
	if at := m.less(time.Minute, began); at.After(began.Add(-time.Minute)) {
		t.Errorf("the next run reads down to %s, and this one began at %s", at, began)
	}
}

// Who lifted a tombstone is not the one who did it to say.
func TestAWatchCannotSignARestoreWithAnotherName(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	const record = `insert into clerkstream.restores (instance, kind, entity_id, reason, tombstone, epoch`
	if _, err := r.pool.Exec(t.Context(), record+`) values ($1, 'users', 'user_1', 'why', 'x', 1)`, b.Instance); err != nil {
		t.Error(err)
	}
	_, err := r.pool.Exec(t.Context(), record+`, restored_by) values ($1, 'users', 'user_1', 'why', 'x', 1, 'somebody else')`, b.Instance)
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "42501" {
		t.Errorf("it says %v", err)
	}
}
