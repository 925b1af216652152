package clerkapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

// Deletions are confirmed by a 404: one that Clerk has not said confirms nothing.
func TestOnlyClerksOwn404SaysThatAnObjectIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		gone bool
	}{
		"clerk":             {`{"errors":[{"message":"not found","code":"resource_not_found"}],"clerk_trace_id":"abc"}`, true},
		"a proxy's page":    {"<html><h1>404 Not Found</h1></html>", false},
		"a load balancer":   {"default backend - 404", false},
		"somebody's JSON":   {`{"error":"not found"}`, false},
		"errors of nothing": {`{"errors":[]}`, false},
		"nothing":           {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, test.body)
			}), key, plenty())
			_, err := c.Get(soon(t), "users/user_1")
			if answer, ok := errors.AsType[*Error](err); !ok || answer.Status != http.StatusNotFound || errors.Is(err, ErrNotFound) != test.gone {
				t.Error(err)
			}
			if _, err := c.Membership(soon(t), "org_1", "user_1"); errors.Is(err, ErrNotFound) != test.gone {
				t.Error(err)
			}
		})
	}
}

func TestACursorThatIsIgnoredEndsTheWalk(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, pageOf(0, 20)) }), key, plenty())
	pages := 0
	err := c.Walk(soon(t), Part{Collection: Users}, "", func(context.Context, Page) error {
		if pages++; pages > 10 {
			return errKilled
		}
		return nil
	})
	if !errors.Is(err, ErrShape) {
		t.Errorf("after %d pages: %v", pages, err)
	}
}

func TestAnObservationHasClerksTimeWhereOursIsWrong(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{5 * time.Minute, -5 * time.Minute, 0} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"user_1"}`) }), key, plenty())
		c.now = func() time.Time { return time.Now().Add(off) }
		before := time.Now()
		o, err := c.Get(soon(t), "users/user_1")
		if err != nil {
			t.Fatal(err)
		}
		// Date has full seconds; never later than the answer, or it would beat what was told while it ran.
		if o.ObservedAt.Before(before.Add(-time.Since(before)-time.Second)) || o.ObservedAt.After(time.Now()) {
			t.Errorf("a clock that is %s off: observed at %s, and it was %s", off, o.ObservedAt, before)
		}
	}
}
