package clerkapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const key = "sk_test_never-to-be-seen"

// page is n objects, as no simulator should answer them.
func pageOf(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"id":"user_%d","created_at":%d}`, first+i, 1_700_000_000_000+first+i)
	}
	return "[" + strings.TrimPrefix(b.String(), ",") + "]"
}

func TestAnswersThatNoPageIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		of     Collection
		answer func(*http.Request) (int, string)
		want   error
	}{
		"another limit, users": {Users, func(r *http.Request) (int, string) {
			if r.URL.Query().Has("created_at_after") {
				return 200, pageOf(9, 10)
			}
			return 200, pageOf(0, 10)
		}, ErrPageSize},
		"another limit, offset": {Roles, func(*http.Request) (int, string) {
			return 200, `{"data":` + pageOf(0, 10) + `,"total_count":25}`
		}, ErrPageSize},
		"more than asked for":  {Users, func(*http.Request) (int, string) { return 200, pageOf(0, 21) }, ErrPageSize},
		"HTML":                 {Users, func(*http.Request) (int, string) { return 200, "<html>" }, ErrShape},
		"cut JSON":             {Users, func(*http.Request) (int, string) { return 200, pageOf(0, 3)[:40] }, ErrShape},
		"an object for a list": {Users, func(*http.Request) (int, string) { return 200, `{"data":{}}` }, ErrShape},
		"nobody has an id":     {Users, func(*http.Request) (int, string) { return 200, "[" + strings.Repeat("{},", 19) + "{}]" }, ErrShape},
		"wrong key":            {Users, func(*http.Request) (int, string) { return 401, `{"errors":[{"code":"clerk_key_invalid"}]}` }, ErrUnauthorized},
		"forbidden":            {Users, func(*http.Request) (int, string) { return 403, "" }, ErrUnauthorized},
		"feature off": {Roles, func(*http.Request) (int, string) {
			return 403, `{"errors":[{"code":"organization_not_enabled_in_instance"}]}`
		}, ErrNotEnabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status, body := test.answer(r)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}), key, plenty())
			err := c.Walk(soon(t), Part{Collection: test.of}, "", func(context.Context, Page) error { return nil })
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestMalformedObjectsAreReportedAndTheRestComes(t *testing.T) {
	t.Parallel()
	const raw = `{"id":"user_1","created_at":1, "odd" : [ 1.0e0,"é\u00e9"] }`
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[ 7, `+raw+`, {"id":7}, {"id":"a/../b"}, null]`)
	}), key, plenty())
	var got Page
	if err := c.Walk(soon(t), Part{Collection: Users}, "", func(_ context.Context, p Page) error { got = p; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got.Malformed) != 4 || len(got.Objects) != 1 || string(got.Objects[0].Data) != raw {
		t.Errorf("%+v", got)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Store(true) }))
	t.Cleanup(elsewhere.Close)
	c := clientOf(t, http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect), key, plenty())
	_, err := c.Get(soon(t), "users/user_1")
	if answer, ok := errors.AsType[*Error](err); !ok || answer.Status != http.StatusTemporaryRedirect || leaked.Load() {
		t.Errorf("%v, followed: %v", err, leaked.Load())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 4096))
		_, _ = io.WriteString(w, `{"id":"user_1"}`)
	}), key, plenty())
	if _, err := c.do(soon(t), request{method: http.MethodGet, path: "users", max: 4000}); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	if _, err := c.Get(soon(t), "users/user_1"); err != nil {
		t.Error(err)
	}
}

// A server that repeats what it was sent, in every way that it can fail.
func TestTheKeyIsNowhere(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	cfg := Config{SecretKey: key, Budget: plenty(), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		if auth != "Bearer "+key || r.Header.Get("Clerk-API-Version") != DefaultVersion {
			t.Errorf("headers %v", r.Header)
		}
		w.WriteHeader(map[string]int{"/v1/users/a": 500, "/v1/users/b": 422}[r.URL.Path])
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}],"clerk_trace_id":%q}`, auth, auth, auth)
	}))
	t.Cleanup(server.Close)
	cfg.URL = server.URL
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.limits.firstWait = time.Millisecond
	said := fmt.Sprintf("%v %+v %#v %v %+v", cfg, cfg, cfg, c, c)
	for _, path := range []string{"users/a", "users/b"} {
		ctx, cancel := context.WithTimeout(soon(t), 100*time.Millisecond)
		_, err := c.Get(ctx, path)
		cancel()
		if err == nil {
			t.Error("no error")
		}
		said += fmt.Sprintf("%v %+v", err, err)
	}
	for _, wrong := range []Config{{URL: "http://x:y@z", SecretKey: key}, {URL: "ftp://" + key, SecretKey: key}, {SecretKey: key + "\n"}, {URL: "http://" + key + "\x7f"}} {
		_, err := New(wrong)
		said += fmt.Sprint(err)
	}
	if log.Len() == 0 || strings.Contains(said+log.String(), key) {
		t.Errorf("log of %d bytes, or the key in: %s %s", log.Len(), said, log.String())
	}
}

func TestErrorsSayWhatHappenedBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), key, plenty())
	ctx, cancel := context.WithTimeout(soon(t), 200*time.Millisecond)
	defer cancel()
	_, err := c.Get(ctx, "users/user_1")
	if answer, ok := errors.AsType[*Error](err); !ok || answer.Status != http.StatusBadGateway || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var first time.Time
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if time.Since(first) < time.Second {
			t.Error("asked again too early")
		}
		_, _ = io.WriteString(w, `{"id":"user_1"}`)
	}), key, plenty())
	if _, err := c.Get(soon(t), "users/user_1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(Urgent(soon(t)), "users/user_2"); err != nil {
		t.Fatal(err)
	}
}

func TestSingleObjectsOfTheSimulator(t *testing.T) {
	t.Parallel()
	b := newBed(t, small(10, 1), plenty())
	ctx := soon(t)
	if at, err := b.Instance(ctx); err != nil || at.ID != b.clerk.InstanceID() {
		t.Error(at, err)
	}
	user, err := b.clerk.CreateUser("a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.clerk.CreateUser("b@example.com")
	if err != nil {
		t.Fatal(err)
	}
	org, err := b.clerk.CreateOrganization(user, "Acme", "acme-2")
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if o, err := b.Get(ctx, "users/"+user); err != nil || o.ID != user || o.ObservedAt.Before(before) || o.ObservedAt.After(time.Now()) {
		t.Error(o, err)
	}
	if o, err := b.Membership(ctx, org, user); err != nil || memberOf(o) != user {
		t.Error(o, err)
	}
	if _, err := b.Membership(ctx, org, other); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if o, err := b.PatchUserMetadata(ctx, user, map[string]any{"private_metadata": map[string]any{"canary": 1}}); err != nil || o.ID != user {
		t.Error(o, err)
	}
	asked := b.clerk.Requests().Total
	for _, path := range []string{"users/../instance", "users/" + user + "?x", "users//", "", "users/%2e"} {
		if _, err := b.Get(ctx, path); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if n := b.clerk.Requests().Total; n != asked {
		t.Error("asked for a path that no object has")
	}
	if _, err := b.Get(ctx, "users/user_nobody"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestTheSimulatorsLimitIsNeverReached(t *testing.T) {
	t.Parallel()
	cfg := small(200, 60)
	cfg.Limit = 1000
	b := newBed(t, cfg, NewBudget(1000, 10*time.Second))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if err := b.Walk(ctx, Part{Collection: OrganizationMemberships}, "", func(context.Context, Page) error { return nil }); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
	}
	if n := b.clerk.Requests(); n.ByStatus[http.StatusTooManyRequests] > 0 {
		t.Errorf("%v", n.ByStatus)
	}
}
