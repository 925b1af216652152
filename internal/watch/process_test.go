package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// small is an instance whose people were there before the webhook.
func small() clerksim.ClerkConfig {
	return clerksim.ClerkConfig{World: clerksim.Config{Users: 40, Organizations: 5}}
}

func TestASecondWatchSaysWhoHoldsTheLockAndTakesOver(t *testing.T) {
	t.Parallel()
	b := newBed(t, small())
	first := b.working(b.watch(nil))
	second := b.watch(nil)
	testkit.Eventually(t, func() error {
		if said := second.out.String(); !strings.Contains(said, "standing by") || !strings.Contains(said, fmt.Sprintf("process %d on", os.Getpid())) {
			return fmt.Errorf("the second says %q", said)
		}
		return nil
	})
	if second.sentinel.Load() != nil {
		t.Error("both work")
	}
	var held *HeldError
	err := Once(t.Context(), b.config(io.Discard), "backfill", func(context.Context, *Work) error {
		t.Error("a backfill began beside the watch")
		return nil
	})
	if !errors.As(err, &held) || !strings.Contains(held.By, "clerkstream watch "+b.Instance) {
		t.Errorf("a backfill gets %v", err)
	}
	first.stop()
	b.working(second)
}

func TestALostLockEndsTheWork(t *testing.T) {
	t.Parallel()
	b := newBed(t, small())
	cut := func() {
		t.Helper()
		n := b.scan(`select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and granted
			and database = (select oid from pg_database where datname = current_database())
			and pid in (select pid from pg_stat_activity where application_name like 'clerkstream ' || $1 || ' %')`, "backfill")
		if n != 1 {
			t.Errorf("%d connections were cut", n)
		}
	}
	err := Once(t.Context(), b.config(io.Discard), "backfill", func(ctx context.Context, _ *Work) error {
		if ctx.Err() != nil {
			t.Error("control: it ended by itself")
		}
		cut()
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), ErrLockLost) {
			t.Errorf("the work ends with %v", context.Cause(ctx))
		}
		return ctx.Err()
	})
	if !errors.Is(err, ErrLockLost) {
		t.Errorf("it is told %v", err)
	}
}

func TestAKeyThatIsNoneWalksNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(b *bed, c *Config)
		want error
		says string
	}{
		"refused by clerk": {func(_ *bed, c *Config) { c.SecretKey = "sk_test_wrong" }, clerkapi.ErrUnauthorized, "CLERK_SECRET_KEY"},
		"of another instance than is pinned": {
			func(_ *bed, c *Config) { c.ClerkInstance = "ins_other" }, ErrOtherInstance, "CLERK_INSTANCE_ID pins ins_other",
		},
		"of another instance than the stream's": {
			func(b *bed, c *Config) {
				c.ClerkInstance = ""
				body := `{"type":"user.created","object":"event","timestamp":1788429600000,"instance_id":"ins_stream","data":{"id":"user_a","created_at":1788429600000,"updated_at":1788429600000}}`
				b.Publish(b.t, "msg_a", []byte(body))
			}, ErrOtherInstance, "ins_stream",
		},
		"of nobody knows whose instance": {
			func(b *bed, c *Config) {
				c.ClerkInstance = ""
				body := `{"type":"user.created","object":"event","timestamp":1788429600000,"data":{"id":"user_a","created_at":1788429600000,"updated_at":1788429600000}}`
				b.Publish(b.t, "msg_a", []byte(body))
			}, errUnpinned, "CLERK_INSTANCE_ID",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, small())
			b.clerk.Found()
			config := b.config(io.Discard)
			c.set(b, &config)
			secret := config.SecretKey
			p, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Run(t.Context())
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "nothing was read") {
				t.Errorf("it ends with %v", err)
			}
			if strings.Contains(fmt.Sprint(err), secret) {
				t.Error("the error has the key")
			}
			for path := range b.clerk.Requests().ByPath {
				if path != "GET /v1/instance" {
					t.Errorf("%s was asked for", path)
				}
			}
		})
	}
}

// The API's version decides what its answers look like, and has nothing to do with ours.
func TestTheVersionOfTheBinaryIsNotTheOneOfTheAPI(t *testing.T) {
	t.Parallel()
	b := newBed(t, small())
	to, err := url.Parse(b.api)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	proxy := httputil.NewSingleHostReverseProxy(to)
	face := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.Header.Get("Clerk-API-Version"):
		default:
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(face.Close)
	c := b.config(io.Discard)
	c.APIURL, c.Version = face.URL, "v9.9.9"
	if err := Once(t.Context(), c, "backfill", func(context.Context, *Work) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != clerkapi.DefaultVersion {
		t.Errorf("Clerk is asked for version %q of its API, not %q", got, clerkapi.DefaultVersion)
	}
}

func TestTheFirstStartFillsTheReadModel(t *testing.T) {
	t.Parallel()
	b := newBed(t, small())
	b.clerk.Found()
	r := b.watch(func(c *Config) { c.FullAt = 3 * time.Hour })
	testkit.Eventually(t, func() error {
		if n := b.scan(`select count(*) from clerkstream.reconciliations where instance = $1 and kind = 'users' and mode = 'full' and complete`, b.Instance); n != 1 {
			return fmt.Errorf("no full walk was recorded: %s", r.out.String())
		}
		return nil
	})
	truth := b.clerk.Truth()
	testkit.Eventually(t, func() error {
		for _, model := range []string{"users", "organizations", "organization_memberships"} {
			if n := b.scan(`select count(*) from clerk.` + model); n != len(truth.Rows[model]) || n == 0 {
				return fmt.Errorf("%d %s, and Clerk has %d", n, model, len(truth.Rows[model]))
			}
		}
		return nil
	})
	b.judge("users", "organizations", "organization_memberships")
}

func TestTheHeartbeatSaysWhoIsAtWork(t *testing.T) {
	t.Parallel()
	b := newBed(t, small())
	r := b.working(b.watch(nil))
	testkit.Eventually(t, func() error {
		if n := b.scan(`
select count(*) from clerkstream.watchers
where instance = $1 and beat_at > now() - interval '1 minute' and status->>'verb' = 'watch' and status->>'clerk_instance' = $2
  and (status->'budget'->>'limit')::int > 0 and status->'sentinel' is not null`, b.Instance, b.clerk.InstanceID()); n != 1 {
			return errors.New("no heartbeat")
		}
		return nil
	})
	answer, err := http.Get("http://" + r.OpsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(metrics), "clerkstream_watch_holds_lock 1") || !strings.Contains(string(metrics), "clerkstream_hydrate_waiting 0") {
		t.Error("the metrics do not tell")
	}
	if strings.Contains(r.out.String(), b.clerk.SecretKey()) {
		t.Error("the log has the key")
	}
}
