package clerkapi

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func TestWalkReadsEveryCollectionWhole(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(120, 30), plenty())
	for _, of := range Collections() {
		total, err := b.Count(soon(t), of)
		if err != nil {
			t.Fatalf("count %s: %v", of, err)
		}
		if came := b.all(t, of, 3, nothing); len(came) != total {
			t.Errorf("%s: %d of %d", of, len(came), total)
		}
	}
}

// What exists throughout comes, whatever comes and goes beside it. Without the overlap and the step back, and with users walked by offset, this fails.
func TestWalkBesideInsertsAndDeletesMissesNothing(t *testing.T) {
	t.Parallel()
	for _, of := range []Collection{Users, OrganizationMemberships, Organizations} {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, small(200, 120), plenty())
			before := slices.Sorted(maps.Keys(b.all(t, of, 1, nothing)))
			users := slices.Sorted(maps.Keys(b.all(t, Users, 1, nothing)))
			orgs := slices.Sorted(maps.Keys(b.all(t, Organizations, 1, nothing)))
			came := b.all(t, of, 1, func() { b.churn(t, &users, &orgs) })
			after := b.all(t, of, 1, nothing)
			for _, id := range before {
				if after[id] > 0 && came[id] == 0 {
					t.Errorf("%s existed throughout and did not come", id)
				}
			}
			if len(after) == len(before) {
				t.Error("nothing was deleted: this proves nothing")
			}
		})
	}
}

// churn deletes the oldest of both, so that everything behind them shifts, and somebody new comes.
func (b bed) churn(t testing.TB, users, orgs *[]string) {
	t.Helper()
	for range min(7, len(*users)) {
		if err := b.clerk.DeleteUser((*users)[0]); err != nil && !errors.Is(err, clerksim.ErrNotFound) {
			t.Fatal(err)
		}
		*users = (*users)[1:]
	}
	for range min(5, len(*orgs)) {
		if err := b.clerk.DeleteOrganization((*orgs)[0]); err != nil && !errors.Is(err, clerksim.ErrNotFound) {
			t.Fatal(err)
		}
		*orgs = (*orgs)[1:]
	}
	if _, err := b.clerk.CreateUser(); err != nil {
		t.Fatal(err)
	}
}

func TestWalkGoesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	for _, of := range []Collection{Users, OrganizationMemberships} {
		b := newBed(t, small(150, 40), plenty())
		want, came := b.all(t, of, 1, nothing), map[string]int{}
		at, kills := Position(""), 0
		for {
			err := b.Walk(soon(t), Part{Collection: of}, at, func(_ context.Context, p Page) error {
				for _, o := range p.Objects {
					came[o.ID]++
				}
				at = p.Next
				if kills++; kills%2 == 0 {
					return errKilled
				}
				return nil
			})
			if err == nil {
				break
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
		}
		if len(came) != len(want) || kills < 5 {
			t.Errorf("%s: %d of %d, in %d pages", of, len(came), len(want), kills)
		}
	}
}

func TestWalkLosesNothingToFaults(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(200, 60), plenty())
	want := map[Collection]int{}
	for _, of := range []Collection{Users, OrganizationMemberships} {
		want[of] = len(b.all(t, of, 1, nothing))
	}
	err := b.clerk.SetFaults(clerksim.Faults{
		ErrorRate: 0.2, CutRate: 0.1, NoJSONRate: 0.05, SlowRate: 0.1, Slow: 20 * time.Millisecond, ThrottleRate: 0.01, Throttle: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for of, total := range want {
		if came := b.all(t, of, 2, nothing); len(came) != total {
			t.Errorf("%s: %d of %d", of, len(came), total)
		}
	}
	if failed := b.clerk.Requests().ByStatus; failed[429] == 0 && failed[500]+failed[502]+failed[503]+failed[504] == 0 {
		t.Error("nothing failed: this proves nothing")
	}
}

func TestPartsHoldEverybodyAndAreAboutEqual(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(400, 1), plenty())
	parts, err := b.Parts(soon(t), Users, 4)
	if err != nil || len(parts) != 4 {
		t.Fatal(parts, err)
	}
	came := map[string]int{}
	for _, part := range parts {
		before := len(came)
		if err := b.Walk(soon(t), part, "", count(came, nothing)); err != nil {
			t.Fatal(err)
		}
		if n := len(came) - before; n < 50 || n > 150 {
			t.Errorf("a part of %d", n)
		}
	}
	if total, err := b.Count(soon(t), Users); err != nil || len(came) != total {
		t.Errorf("%d of %d, %v", len(came), total, err)
	}
}

// The oldest of those that changed moves to the front while it is read.
func TestRecentReadsDownToTheWatermark(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(200, 1), plenty())
	users := slices.Sorted(maps.Keys(b.all(t, Users, 1, nothing)))
	since := time.Now()
	for _, id := range users[:50] {
		if err := b.clerk.Ban(id); err != nil {
			t.Fatal(err)
		}
	}
	asked := b.clerk.Requests().Total
	came := map[string]int{}
	moving := users[0]
	if err := b.Recent(soon(t), since, count(came, func() {
		if err := b.clerk.Lock(moving); err != nil {
			t.Error(err)
		}
	})); err != nil {
		t.Fatal(err)
	}
	for _, id := range users[:50] {
		if came[id] == 0 {
			t.Errorf("%s did not come", id)
		}
	}
	if len(came) != 50 {
		t.Errorf("%d came", len(came))
	}
	if n := b.clerk.Requests().Total - asked; n > 6 { // 4 pages of 20 with an overlap of 5 hold 50, and two more
		t.Errorf("%d requests", n)
	}
}

// The simulator refuses a cursor whose user is gone; somewhere else it may mean the beginning of nothing.
func TestWalkSurvivesTheDeletionOfItsCursor(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(200, 1), plenty())
	before, came := b.all(t, Users, 1, nothing), map[string]int{}
	at, gone := Position(""), 0
	for {
		err := b.Walk(soon(t), Part{Collection: Users}, at, func(_ context.Context, p Page) error {
			for _, o := range p.Objects {
				came[o.ID]++
			}
			if p.Next == at || len(p.Objects) == 0 {
				return nil
			}
			at = p.Next
			gone++
			return errors.Join(errKilled, b.clerk.DeleteUser(p.Objects[len(p.Objects)-1].ID))
		})
		if err == nil {
			break
		}
		if !errors.Is(err, errKilled) || errors.Is(err, clerksim.ErrNotFound) {
			t.Fatal(err)
		}
		if gone > 50 {
			t.Fatal("walks forever")
		}
	}
	if len(came) < len(before) || gone < 10 {
		t.Errorf("%d of %d, %d deleted", len(came), len(before), gone)
	}
}
