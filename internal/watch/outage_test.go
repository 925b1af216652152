package watch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/reconcile"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// The endpoint is disabled while people go on, and their webhooks are lost for good. Nobody does anything but enable it again.
func TestTheHoleOfAnOutageIsClosedByItself(t *testing.T) {
	t.Parallel()
	for name, repairs := range map[string]bool{"repaired": true, "control: not repaired": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoute(t)
			w := r.watch(func(c *Config) {
				r.withCanary(c)
				c.unrepaired = !repairs
			})
			r.canaryBack(w)
			r.endpoint(false)
			off := time.Now()
			r.live(0)
			testkit.Eventually(t, func() error {
				if o := w.status().Outage; o == nil || o.Cause != sentinel.CauseEndpoint {
					return fmt.Errorf("no outage of the endpoint: %+v", o)
				}
				return nil
			})
			if code, says := r.ask(w, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(says, "suspected cause: endpoint") {
				t.Errorf("in the outage /readyz answers %d %q", code, says)
			}
			r.live(1)
			r.endpoint(true)
			on := time.Now()
			closed := r.closed(w, on)
			if closed.Cause != sentinel.CauseEndpoint || closed.Began.After(off.Add(canaryEvery)) || closed.ReplayFrom.After(off) {
				t.Errorf("closed %+v, which began after %s", closed, off)
			}
			if lost := r.clerk.EndpointStatus(); lost.Dropped == 0 || lost.GivenUp > 0 {
				t.Errorf("control: the webhooks were not lost: %+v", lost)
			}
			if !repairs {
				w.stop()
				if found := r.differences(told...); len(found) < 20 {
					t.Errorf("without repair there are only %d differences: %v", len(found), found)
				}
				return
			}
			r.healthy(w)
			w.stop() // the canary changes no more
			r.equal()
		})
	}
}

// closed waits until the outage that ended after on is closed, in the table and in what the watch says, and returns what it says.
func (r *route) closed(w *running, on time.Time) (last sentinel.Outage) {
	r.t.Helper()
	testkit.Eventually(r.t, func() error {
		s := w.status()
		if s.Outage != nil || len(s.Unrepaired) > 0 || s.LastClosed == nil || s.LastClosed.Ended.Before(on) {
			return fmt.Errorf("the hole is not closed: %+v: %s", s, w.out.String())
		}
		last = *s.LastClosed
		return nil
	})
	testkit.Eventually(r.t, func() error {
		n := r.scan(`
select count(*) from clerkstream.outages
where instance = $1 and cause = 'endpoint' and 'canary' = any(signals) and began_at < noticed_at and noticed_at < $2 and ended_at >= $2
  and reconciled_at >= ended_at and repaired = $3`, r.Instance, on, last.Repaired)
		if n != 1 {
			return fmt.Errorf("%d such outages are recorded", n)
		}
		return nil
	})
	return last
}

// healthy says that the watch has nothing to report any more.
func (r *route) healthy(w *running) {
	r.t.Helper()
	testkit.Eventually(r.t, func() error {
		if code, says := r.ask(w, "/readyz"); code != http.StatusOK {
			return fmt.Errorf("/readyz answers %d %q", code, says)
		}
		return nil
	})
	if said := w.out.String(); !strings.Contains(said, `"hole closed"`) || strings.Contains(said, "northwind.example") {
		r.t.Errorf("the log says %s", said)
	}
	_, metrics := r.ask(w, "/metrics")
	for _, want := range []string{
		`clerkstream_sentinel_outage 0`, `clerkstream_sentinel_unrepaired_outages 0`, `clerkstream_watch_walks_total{outcome="done",walk="repair"} `,
	} {
		if !strings.Contains(metrics, want) {
			r.t.Errorf("the metrics do not say %s", want)
		}
	}
}

func TestTheCanaryIsTouchedOncePerIntervalAndIsNoDrift(t *testing.T) {
	t.Parallel()
	r := newRoute(t)
	started := time.Now()
	w := r.watch(func(c *Config) {
		r.withCanary(c)
		c.RecentEvery = time.Second
	})
	patches := func() int { return r.clerk.Requests().ByPath["PATCH /v1/users/"+r.canary+"/metadata"] }
	testkit.Eventually(t, func() error {
		if n := patches(); n < 3 {
			return fmt.Errorf("%d touches", n)
		}
		return nil
	})
	r.canaryBack(w)
	if n, most := patches(), int(time.Since(started)/canaryEvery)+1; n > most {
		t.Errorf("%d touches where %d are due", n, most)
	}
	w.stop()
	r.equal()
	again := func() reconcile.KindResult {
		c := r.config(io.Discard)
		c.Grace = time.Nanosecond // nothing is too young to be drift
		var result reconcile.Result
		err := Once(t.Context(), c, "reconcile", func(ctx context.Context, w *Work) (err error) {
			result, err = w.Reconciler.Reconcile(ctx, reconcile.Options{Kinds: []string{"users"}, DryRun: true})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return result.Kinds[0]
	}
	if k := again(); !k.Complete || k.Match != k.Objects || k.Objects == 0 {
		t.Errorf("a touched user is drift: %+v", k)
	}
	r.endpoint(false)
	name := "Drifting"
	if err := r.clerk.EditProfile(r.canary, clerksim.Profile{FirstName: &name}); err != nil {
		t.Fatal(err)
	}
	if k := again(); k.Changed != 1 {
		t.Errorf("control: a change that was never told is no drift: %+v", k)
	}
}

func TestAWalkThatFailsIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults          clerksim.Faults
		metric, lastErr string
	}{
		"Clerk is away, and is waited for": {clerksim.Faults{ErrorRate: 1}, `clerkstream_clerkapi_requests_total{outcome="failed"}`, ""},
		"what answers is not Clerk": {
			clerksim.Faults{NoJSONRate: 1}, `clerkstream_watch_walks_total{outcome="failed",walk="recent reconcile"}`, "recent reconcile: %",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoute(t)
			w := r.watch(func(c *Config) { c.RecentEvery, c.Grace = time.Second, time.Nanosecond })
			testkit.Eventually(t, func() error {
				if w.sentinel.Load() == nil {
					return fmt.Errorf("it does not work: %s", w.out.String())
				}
				return nil
			})
			r.faults(c.faults)
			r.endpoint(false)
			if err := r.clerk.EditProfile(r.canary, clerksim.Profile{FirstName: &name}); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, func() error {
				if _, metrics := r.ask(w, "/metrics"); !strings.Contains(metrics, c.metric) {
					return fmt.Errorf("no such metric: %s: %s", c.metric, w.out.String())
				}
				if r.scan(`select count(*) from clerkstream.watchers where coalesce(status->>'last_error', '') like $1`, c.lastErr) != 1 {
					return fmt.Errorf("the heartbeat does not say %q", c.lastErr)
				}
				return nil
			})
			if len(r.differences("users")) == 0 {
				t.Error("control: nothing differs while the walks fail")
			}
			r.faults(clerksim.Faults{})
			r.equal()
		})
	}
}

func (r *route) faults(f clerksim.Faults) {
	r.t.Helper()
	if err := r.clerk.SetFaults(f); err != nil {
		r.t.Fatal(err)
	}
}
