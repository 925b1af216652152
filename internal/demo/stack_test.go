package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

func TestAStackWithAClerkServesTellsAndLetsIn(t *testing.T) {
	t.Parallel()
	clerk := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Users: 20, Organizations: 5, Changes: 20}})
	c := StackConfig{Instance: "dev", ListenAddr: "127.0.0.1:0", Clerk: clerk, Reachable: true, Log: slog.New(slog.DiscardHandler)}
	err := Run(t.Context(), c, func(ctx context.Context, s *Stack) error {
		if err := s.Found(ctx); err != nil {
			return err
		}
		rowsAreTheTruth(t, s)
		aRemovalIsTold(t, s)
		loginsSeeWhatTheyMay(t, s)
		keysAreServed(t, s)
		trafficGoesOn(t, s)
		whatIsLostStaysLost(t, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rowsAreTheTruth(t *testing.T, s *Stack) {
	t.Helper()
	conn := testkit.Connect(t, s.DatabaseURL())
	differences, rows, err := verdict.Compare(t.Context(), conn, "clerk", expected(s.Clerk().Truth()), 5)
	if err != nil || len(differences) > 0 || rows["users"] < 20 {
		t.Errorf("%v, %d users, %v", differences, rows["users"], err)
	}
	_ = conn.Close(t.Context())
}

func aRemovalIsTold(t *testing.T, s *Stack) {
	t.Helper()
	conn := testkit.Connect(t, s.ReaderURL())
	defer conn.Close(t.Context())
	org := s.Clerk().Sketch(1).Organizations[0]
	for user := range org.Members {
		if err := s.Clerk().RemoveMember(org.ID, user); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, func() error {
		if n := count(t, conn, `select count(*) from clerk.organization_memberships where organization_id = $1`, org.ID); n > 0 {
			return fmt.Errorf("%d members are left", n)
		}
		return nil
	})
}

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func loginsSeeWhatTheyMay(t *testing.T, s *Stack) {
	t.Helper()
	const users = `select count(*) from clerk.users`
	for _, login := range []struct {
		url  string
		sees bool
	}{{s.ReaderURL(), true}, {s.TenantURL(), false}} {
		conn := testkit.Connect(t, login.url)
		if n := count(t, conn, users); (n > 0) != login.sees {
			t.Errorf("%s sees %d users", conn.Config().User, n)
		}
		_ = conn.Close(t.Context())
	}
	owner := testkit.Connect(t, s.OwnerURL())
	defer owner.Close(t.Context())
	if _, err := owner.Exec(t.Context(), `create schema orders`); err != nil {
		t.Error(err)
	}
	var refused *pgconn.PgError
	if _, err := owner.Exec(t.Context(), users); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("the owner of another schema reads users: %v", err)
	}
}

func keysAreServed(t *testing.T, s *Stack) {
	t.Helper()
	res, err := http.Get(s.SimURL() + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var served struct{ Keys []struct{ Kid string } }
	if err := json.NewDecoder(res.Body).Decode(&served); err != nil || len(served.Keys) != 1 || served.Keys[0].Kid != s.Clerk().KeyID() {
		t.Errorf("%v %v", served, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A history of 20 steps has long ended when 300 messages have come.
func trafficGoesOn(t *testing.T, s *Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	before := s.committed.Load()
	go func() {
		for s.committed.Load() < before+300 && ctx.Err() == nil {
			<-time.After(5 * time.Millisecond)
		}
		cancel()
	}()
	if err := s.Traffic(ctx, 0); err == nil || s.committed.Load() < before+300 {
		t.Errorf("%d messages, %v", s.committed.Load()-before, err)
	}
}

// Webhooks of an endpoint that is off never come, and those of an endpoint that is on again do, in a stack that has not noticed.
func whatIsLostStaysLost(t *testing.T, s *Stack) {
	t.Helper()
	conn := testkit.Connect(t, s.ReaderURL())
	defer conn.Close(t.Context())
	there := func(user string) bool {
		return count(t, conn, `select count(*) from clerk.users where id = $1`, user) == 1
	}
	join := func() string {
		user, err := s.Clerk().CreateUser()
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	on := s.Clerk().Endpoint()
	off := on
	off.Off = true
	if err := s.Clerk().SetEndpoint(off); err != nil {
		t.Fatal(err)
	}
	before := s.Clerk().EndpointStatus().Dropped
	lost := join()
	testkit.Eventually(t, func() error {
		if s.Clerk().EndpointStatus().Dropped == before {
			return errors.New("nothing is dropped")
		}
		return nil
	})
	if err := s.Clerk().SetEndpoint(on); err != nil {
		t.Fatal(err)
	}
	found := join()
	testkit.Eventually(t, func() error {
		if !there(found) {
			return errors.New("the later user is not there")
		}
		return nil
	})
	if there(lost) {
		t.Error("a message that was dropped has come")
	}
}
