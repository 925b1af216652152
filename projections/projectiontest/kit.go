package projectiontest

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/projections"
)

// seedVariable names the environment variable that makes a failure come again.
const seedVariable = "PROJECTIONTEST_SEED"

// Kit proves projections for one test. It belongs to the test's goroutine; several kits may work at once.
type Kit struct {
	// Orders is how many random orders are tried of the events. Default: 24.
	Orders int
	// Seed decides which. Default: another one each time, or PROJECTIONTEST_SEED.
	Seed uint64

	t      testing.TB
	under  []projections.Projection
	db     *database
	given  []events.Event
	proven bool
}

// New makes a kit for the projections under test, with a database of its own that the test's end drops. What they need, if it is not among them, comes
// from projections.All.
func New(t testing.TB, under ...projections.Projection) *Kit {
	t.Helper()
	return newKit(t, &binary, under)
}

func newKit(t testing.TB, s *server, under []projections.Projection) *Kit {
	t.Helper()
	k := &Kit{Orders: 24, Seed: rand.Uint64(), t: t, under: under}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %q is not a seed", seedVariable, text)
		}
		k.Seed = seed
	}
	all, err := withNeeds(under)
	if err != nil {
		t.Fatalf("projections under test: %v", err)
	}
	conn, drop, err := s.connect(t.Context())
	if err != nil {
		t.Fatalf("projectiontest: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("projectiontest: drop the test's database: %v", err)
		}
	})
	k.db = &database{conn, all}
	ctx, cancel := context.WithTimeout(t.Context(), serverTimeout)
	defer cancel()
	if err := k.db.prepare(ctx); err != nil {
		t.Fatalf("make the tables: %v", err)
	}
	return k
}

// withNeeds is the projections under test and what they need.
func withNeeds(under []projections.Projection) ([]projections.Projection, error) {
	names := make([]string, len(under))
	for i, p := range under {
		names[i] = p.Name()
	}
	if len(under) == 0 {
		return nil, errors.New("there are none")
	}
	if first, second := projections.Hash(under), projections.Hash(under); first != second {
		return nil, errors.New("their definition is another one each time")
	}
	known := slices.Clone(under)
	for _, p := range projections.All() {
		if !slices.Contains(names, p.Name()) {
			known = append(known, p)
		}
	}
	return projections.Select(known, names)
}

// Given adds events, in the order of the stream. Events of what the projections under test need may be among them. One that was given already is
// left out: Then lets every event come again anyway.
func (k *Kit) Given(all ...events.Event) {
	k.t.Helper()
	for _, e := range all {
		if e.Unrouted != "" {
			k.t.Fatalf("event %s (%s) names no entity: %s", e.ID, e.Type, e.Unrouted)
		}
		if !slices.ContainsFunc(k.given, func(g events.Event) bool { return g.ID == e.ID }) {
			k.given, k.proven = append(k.given, e), false
		}
	}
}

// Then fails the test unless the events that were given make the view of a read model show these rows and no others, in any order, to who may read everything; and unless the
// projections under test keep the contract with these events: see the package's description. Of a row those columns are compared that any of the
// wanted rows names.
func (k *Kit) Then(model string, want ...Row) {
	k.t.Helper()
	k.prove()
	k.compare(viewer{role: projections.RoleReader}, model, want)
}

// ThenForTenant is Then for what the view shows to an identity: the active organization and the user, either of which may be empty.
func (k *Kit) ThenForTenant(org, user, model string, want ...Row) {
	k.t.Helper()
	k.prove()
	k.compare(viewer{projections.RoleTenant, org, user}, model, want)
}

// prove does what does not depend on the rows wanted, once for the events given.
func (k *Kit) prove() {
	k.t.Helper()
	if k.proven {
		return
	}
	wanted := 0
	for _, p := range k.under {
		if given := wantedBy(p, k.given); len(given) > 0 {
			wanted += len(given)
			(&proof{k, p, given}).run()
		}
	}
	if wanted == 0 {
		k.t.Fatalf("no projection under test wants any of the %d events that were given", len(k.given))
	}
	k.proven = true
}

func wantedBy(p projections.Projection, all []events.Event) (wanted []events.Event) {
	for _, e := range all {
		if p.Wants(e.Object, e.Verb) {
			wanted = append(wanted, e)
		}
	}
	return wanted
}
