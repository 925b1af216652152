package reconcile

import (
	"errors"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func TestWhatIsYoungMayBeOnItsWayAndWithoutGraceIsRepairedInVain(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	if _, err := b.clerk.CreateUser(); err != nil { // its webhook is not delivered yet
		t.Fatal(err)
	}
	for _, tc := range []struct {
		grace        time.Duration
		lag, missing int64
	}{{time.Hour, 1, 0}, {0, 0, 1}} {
		r.config.Grace = tc.grace
		found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"users"}})
		if err != nil {
			t.Fatal(err)
		}
		if k := found.Kinds[0]; k.Lag != tc.lag || k.Missing != tc.missing || k.Published != tc.missing {
			t.Errorf("with a grace of %s: %+v", tc.grace, k)
		}
	}
}

func TestARecentRunReadsDownToItsWatermark(t *testing.T) {
	t.Parallel()
	b := newBed(t, world(2000, 1, -1, -1, true))
	b.clerk.Found()
	r := b.reconciler(t, nil)
	users := []string{"users"}
	if _, err := r.Backfill(t.Context(), BackfillOptions{Kinds: users}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), Options{Kinds: users}); err != nil {
		t.Fatal(err)
	}
	const changed = 300
	name := "Changed"
	for _, u := range b.clerk.Sketch(changed).Users {
		if err := b.clerk.EditProfile(u.ID, clerksim.Profile{FirstName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	for round, want := range []int64{changed, 0} {
		before := b.clerk.Requests().Total
		found, err := r.Reconcile(t.Context(), Options{Recent: true})
		if err != nil {
			t.Fatal(err)
		}
		k := found.Kinds[0]
		// One page holds the changes, and one request asks whose key it is.
		if read := b.clerk.Requests().Total - before; k.Published != want || read > 1+2+1 {
			t.Errorf("round %d: %d requests, %+v", round, read, k)
		}
	}
	if found, err := r.Reconcile(t.Context(), Options{Kinds: users, DryRun: true}); err != nil || !found.Clean() || found.Kinds[0].Match != 2000 {
		t.Errorf("after the recent runs: %+v: %v", found, err)
	}
}

func TestAMissingObjectIsBroughtNow(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	id, err := b.clerk.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	org := b.clerk.Sketch(1).Organizations[0].ID
	if _, err := b.clerk.AddMember(org, id, "org:member"); err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string]string{"users": id, "organization_memberships": org + "/" + id} {
		first, err := r.Bring(t.Context(), kind, key)
		if err != nil || !first.Published || first.Sequence == 0 {
			t.Fatalf("%s: %+v: %v", kind, first, err)
		}
		b.settle(t)
		if again, err := r.Bring(t.Context(), kind, key); err != nil || again.Published || again.Sequence < first.Sequence {
			t.Errorf("%s again: %+v: %v", kind, again, err)
		}
	}
	b.expectTruth(t)
	if _, err := r.Bring(t.Context(), "users", "user_nobody"); !errors.Is(err, clerkapi.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	for kind, key := range map[string]string{"sessions": "sess_1", "organization_memberships": "orgmem_1", "organization_domains": "orgdmn_1", "users": ""} {
		if _, err := r.Bring(t.Context(), kind, key); !errors.Is(err, ErrUnknownKind) {
			t.Errorf("%s %q: %v", kind, key, err)
		}
	}
}

func TestAnObjectOfAnUnexpectedShapeBecomesALetterAndTheWalkGoesOn(t *testing.T) {
	t.Parallel()
	b := newBed(t, world(30, 5, 20, -1, true))
	b.clerk.Found()
	r := b.reconciler(t, nil)
	bad := b.clerk.Sketch(30).Users[3].ID
	if err := b.clerk.SetFaults(clerksim.Faults{Garbage: []string{bad}}); err != nil {
		t.Fatal(err)
	}
	done, err := r.Backfill(t.Context(), BackfillOptions{Kinds: []string{"users"}})
	if err != nil || done.Kinds[0].Malformed != 1 || done.Kinds[0].Published != 29 {
		t.Fatalf("%+v: %v", done, err)
	}
	b.settle(t)
	if open := b.openLetters(t); len(open) != 1 || open[0] != bad {
		t.Errorf("open letters: %v", open)
	}
	if err := b.clerk.SetFaults(clerksim.Faults{}); err != nil {
		t.Fatal(err)
	}
	found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"users"}})
	if err != nil || found.Kinds[0].Missing != 1 {
		t.Fatalf("%+v: %v", found, err)
	}
	if open := b.openLetters(t); len(open) != 0 {
		t.Errorf("open letters of what is well again: %v", open)
	}
}

func (b *bed) openLetters(t *testing.T) (ids []string) {
	t.Helper()
	if err := b.conn.QueryRow(t.Context(), `select coalesce(array_agg(entity_id), '{}') from clerkstream.walk_letters where closed_at is null`).
		Scan(&ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestAReadModelThatStandsStillIsNotCompared(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	r.config.CatchUp = time.Millisecond
	// A checkpoint that is behind, and a projector that cannot move it: its fence sees that somebody else did.
	if _, err := b.conn.Exec(t.Context(), `
begin; select from clerkstream.checkpoints for update; update clerkstream.checkpoints set sequence = sequence - 1; commit`); err != nil {
		t.Fatal(err)
	}
	_, err := r.Reconcile(t.Context(), Options{})
	if !errors.Is(err, ErrReadModelBehind) {
		t.Errorf("reconcile: %v", err)
	}
	if _, err := b.conn.Exec(t.Context(), `update clerkstream.checkpoints set sequence = sequence + 1`); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyATombstoneIsRestoredAndOnlyWithAReason(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	living := b.clerk.Sketch(1).Users[0].ID
	if _, err := r.Restore(t.Context(), living, "why not"); !errors.Is(err, ErrNoTombstone) {
		t.Errorf("of the living: %v", err)
	}
	if _, err := r.Restore(t.Context(), living, ""); !errors.Is(err, ErrNoReason) {
		t.Errorf("without a reason: %v", err)
	}
	if err := b.clerk.DeleteUser(living); err != nil {
		t.Fatal(err)
	}
	if err := b.deliver(t.Context(), b.clerk.Next, 0); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
	if _, err := r.Restore(t.Context(), living, "by mistake"); !errors.Is(err, clerkapi.ErrNotFound) {
		t.Errorf("of what Clerk deleted too: %v", err)
	}
	b.expectTruth(t)
}

// The row is put back to just what it was, version and all, while the broker still remembers the event that repaired it.
func TestARowThatIsTamperedWithAgainIsRepairedAgainWithinTheDuplicateWindow(t *testing.T) {
	t.Parallel()
	b, r := filled(t)
	config := b.Stream.CachedInfo().Config
	config.Duplicates = time.Minute
	if _, err := b.JS.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	id := b.clerk.Sketch(1).Users[0].ID
	var version string
	if err := b.conn.QueryRow(t.Context(), `select version from clerk_g1.users where id = $1`, id).Scan(&version); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		if _, err := b.conn.Exec(t.Context(), `update clerk_g1.users set version = $2, first_name = 'Tampered' where id = $1`, id, version); err != nil {
			t.Fatal(err)
		}
		found, err := r.Reconcile(t.Context(), Options{Kinds: []string{"users"}})
		if err != nil || found.Kinds[0].Changed != 1 || found.Kinds[0].Published != 1 {
			t.Errorf("round %d: %+v: %v", round, found, err)
		}
		b.expectTruth(t)
	}
}
