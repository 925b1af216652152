package clerkapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// bed is a simulated Clerk behind its HTTP face, and a client whose pages are small, so that small worlds have many.
type bed struct {
	*Client
	clerk *clerksim.Clerk
}

func newBed(t testing.TB, cfg clerksim.ClerkConfig, b *Budget) bed {
	t.Helper()
	clerk := clerksim.NewClerk(cfg)
	clerk.Found()
	c := clientOf(t, clerk.Handler(), clerk.SecretKey(), b)
	return bed{c, clerk}
}

func clientOf(t testing.TB, h http.Handler, key string, b *Budget) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, SecretKey: key, Budget: b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.limits.page, c.limits.overlap = 20, 5
	c.limits.firstWait, c.limits.maxWait = time.Millisecond, 20*time.Millisecond
	return c
}

// plenty does not limit.
func plenty() *Budget { return NewBudget(1_000_000, time.Second) }

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// all walks every part and returns how often each id came. between runs after each page.
func (b bed) all(t testing.TB, of Collection, parts int, between func()) map[string]int {
	t.Helper()
	ctx := soon(t)
	split, err := b.Parts(ctx, of, parts)
	if err != nil {
		t.Fatal(err)
	}
	came := map[string]int{}
	for _, part := range split {
		if err := b.Walk(ctx, part, "", count(came, between)); err != nil {
			t.Fatal(err)
		}
	}
	return came
}

func count(came map[string]int, between func()) func(context.Context, Page) error {
	return func(_ context.Context, p Page) error {
		for _, o := range p.Objects {
			came[o.ID]++
		}
		between()
		return nil
	}
}

func nothing() {}

var errKilled = errors.New("killed")

func small(users, organizations int) clerksim.ClerkConfig {
	return clerksim.ClerkConfig{World: clerksim.Config{Seed: 7, Users: users, Organizations: organizations, Changes: -1}}
}
