package migrate_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/schema"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

var stack testkit.Stack

func TestMain(m *testing.M) { testkit.Main(m, &stack) }

// empty makes a database that was never migrated.
func empty(t *testing.T, name string) string {
	t.Helper()
	pg := stack.Postgres(t)
	if err := pg.CreateDatabase(t.Context(), name, ""); err != nil {
		t.Fatal(err)
	}
	return pg.URL(name)
}

func TestMigratingBringsAnEmptyDatabaseUpAndThenHasNothingToDo(t *testing.T) {
	t.Parallel()
	url := empty(t, "fresh")
	conn := testkit.Connect(t, url)
	if err := schema.Check(t.Context(), conn); !errors.Is(err, schema.ErrTooOld) {
		t.Errorf("before: %v", err)
	}
	for _, from := range []int32{0, schema.Version} {
		have, to, err := migrate.Up(t.Context(), url)
		if err != nil || have != from || to != schema.Version {
			t.Errorf("from %d: migrated %d to %d: %v", from, have, to, err)
		}
	}
	if err := schema.Check(t.Context(), conn); err != nil {
		t.Errorf("after: %v", err)
	}
}

func TestTwoMigrationsAtOnceDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	url := empty(t, "twice")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, _, err := migrate.Up(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := schema.Check(t.Context(), testkit.Connect(t, url)); err != nil {
		t.Error(err)
	}
}

func TestADatabaseOfANewerReleaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := empty(t, "newer")
	if _, _, err := migrate.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	conn := testkit.Connect(t, url)
	if _, err := conn.Exec(t.Context(), `update clerkstream.schema_version set version = 99`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := migrate.Up(t.Context(), url); !errors.Is(err, schema.ErrTooNew) {
		t.Errorf("migrated: %v", err)
	}
	if err := schema.Check(t.Context(), conn); !errors.Is(err, schema.ErrTooNew) {
		t.Errorf("checked: %v", err)
	}
}
