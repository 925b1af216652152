package projectiontest

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/pgserver"
	"github.com/clerkstream/clerkstream/projections"
)

func asked(p projections.Projection) []projections.Projection { return []projections.Projection{p} }

func TestAServerThatNobodyWouldStopIsNotStarted(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	mustSay(t, complaint(t, func(tb testing.TB) { newKit(tb, &server{}, asked(desks())) }), "os.Exit(projectiontest.Main(m))")
}

func TestAMachineWithoutPostgresIsToldWhatToInstall(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv(pgserver.BinDirVariable, t.TempDir()) // no server in it
	s := &server{owned: true}
	for range 2 {
		mustSay(t, complaint(t, func(tb testing.TB) { newKit(tb, s, asked(desks())) }), pgserver.ErrNotInstalled.Error())
	}
}

func TestStopEndsTheServer(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	s := &server{owned: true}
	if _, err := s.url(); err != nil {
		t.Fatal(err)
	}
	dir := s.postgres.Dir()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the server's folder: %v", err)
	}
}

func TestAServerOfOnesOwnIsUsedAndLeftAsItWas(t *testing.T) {
	own, err := pgserver.Start(t.Context(), pgserver.Options{Listen: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Stop(t.Context()) })
	t.Setenv("DATABASE_URL", own.URL("postgres"))
	databases := func() (n int) {
		conn, err := pgx.Connect(t.Context(), own.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		if err := conn.QueryRow(t.Context(), `select count(*) from pg_database where datname like 'projectiontest%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("a test", func(t *testing.T) {
		kit := newKit(t, &server{}, asked(desks()))
		kit.Given(someDesks()...)
		kit.Then("desks", Row{"name": "new"}, Row{"name": "two"})
		if n := databases(); n != 1 {
			t.Errorf("%d databases during the test", n)
		}
	})
	if n := databases(); n != 0 {
		t.Errorf("%d databases are left", n)
	}
}

func TestTheAddressOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"postgres://u:p@h:1/a?sslmode=disable": "postgres://u:p@h:1/b?sslmode=disable",
		"postgresql://h":                       "postgresql://h/b",
		"host=h dbname=a":                      "host=h dbname=a dbname=b",
	} {
		have, err := withDatabase(at, "b")
		if err != nil || have != want {
			t.Errorf("%s: %s (%v)", at, have, err)
		}
		if config, err := pgx.ParseConfig(have); err != nil || config.Database != "b" {
			t.Errorf("%s: %v", have, err)
		}
	}
	if _, err := withDatabase("postgres://u:secret@%zz", "b"); err == nil || err.Error() != "DATABASE_URL is malformed" {
		t.Errorf("%v", err)
	}
}
