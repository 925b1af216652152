package sentinel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/sentinel"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// reported is how long an outage may take to be noticed: a touch is due, its limit passes, and the machine is busy.
const reported = canaryEvery + canaryLimit + 30*time.Second

// endpointAs changes one thing of the good endpoint.
func endpointAs(change func(*clerksim.Endpoint)) func(*bed) (mend func()) {
	return func(b *bed) func() {
		e := b.good
		change(&e)
		b.endpoint(e)
		return func() { b.endpoint(b.good) }
	}
}

// otherInstance is another environment of the same application that was given our endpoint and its secret, in place of the right one.
func otherInstance(b *bed) (mend func()) {
	off := b.good
	off.Off = true
	b.endpoint(off)
	staging := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Seed: 2, InstanceID: "ins_staging"}})
	if err := staging.SetEndpoint(b.good); err != nil {
		b.t.Fatal(err)
	}
	b.send(staging, staging.Endpoint)
	if _, err := staging.SignUp("somebody@northwind.example"); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := staging.SetEndpoint(off); err != nil {
			b.t.Fatal(err)
		}
		b.endpoint(b.good)
	}
}

// offWhileReconciling is an endpoint that is off while events that were read from the API, the canary's too, go on coming: they are no sign of life.
func offWhileReconciling(b *bed) (mend func()) {
	off := b.good
	off.Off = true
	b.endpoint(off)
	stop := b.run("reconcile", func(ctx context.Context) error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 1000; ; n++ {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				b.synthetic(b.canary, n)
			}
		}
	})
	return func() {
		stop()
		b.endpoint(b.good)
	}
}

func ingestDown(b *bed) (mend func()) {
	addr, ops := b.ingest.Addr(), b.ingest.OpsAddr()
	b.stopIngest()
	return func() { b.startIngest(addr, ops) }
}

func TestEachFaultIsReportedWithItsCauseAndClosedWhenItIsMended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault func(*bed) (mend func())
		cause sentinel.Cause
	}{
		{"endpoint switched off", offWhileReconciling, sentinel.CauseEndpoint},
		{"secret changed", endpointAs(func(e *clerksim.Endpoint) { e.Secret = otherSecret }), sentinel.CauseSecret},
		{"route broken", endpointAs(func(e *clerksim.Endpoint) { e.URL = strings.Replace(e.URL, "/webhooks/", "/api/webhooks/", 1) }), sentinel.CauseRoute},
		{"clock ten minutes ahead", endpointAs(func(e *clerksim.Endpoint) { e.ClockOffset = 10 * time.Minute }), sentinel.CauseClock},
		{"clock ten minutes behind", endpointAs(func(e *clerksim.Endpoint) { e.ClockOffset = -10 * time.Minute }), sentinel.CauseClock},
		{"another instance", otherInstance, sentinel.CauseInstance},
		{"ingest down", ingestDown, sentinel.CauseIngest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.awaitHealthy()
			// The control: the same sentinels without the signals see nothing, or no cause.
			blind := b.watch(func(c *sentinel.Config) {
				c.Canary, c.IngestURLs, c.WebhookURL, c.Record = sentinel.Canary{}, nil, "", nil
			})
			halfBlind := b.watch(func(c *sentinel.Config) {
				c.IngestURLs, c.WebhookURL, c.Record = nil, "", nil
				c.Canary.Touch = func(context.Context) error { return nil } // the other one touches
			})

			broken := time.Now()
			mend := c.fault(b)
			o := b.awaitOutage(c.cause)
			if took := o.Noticed.Sub(broken); took > reported {
				t.Errorf("it was noticed after %s", took)
			}
			if o.Began.After(broken.Add(canaryLimit)) || o.ReplayFrom.After(broken) {
				t.Errorf("it began at %s and is to be replayed from %s, broken at %s", o.Began, o.ReplayFrom, broken)
			}
			if s := blind.Status(); s.Outage != nil {
				t.Errorf("without canary and ingests there is an outage all the same: %+v", s.Outage)
			}
			if s := halfBlind.Status(); s.Outage != nil && s.Outage.Cause != sentinel.CauseUnknown {
				t.Errorf("without ingests there is a cause all the same: %s", s.Outage.Cause)
			}
			repairs := len(b.repairs.from())

			mend()
			row := b.awaitClosed(c.cause)
			from := b.repairs.from()[repairs:]
			if len(from) == 0 || from[0].After(broken) || row.Ended.Before(row.Noticed) || row.Repaired != 1 {
				t.Errorf("repaired from %v, broken at %s, recorded %+v", from, broken, row)
			}
			b.awaitHealthy()
		})
	}
}

func TestSilenceIsToldFromTheStreamsPastAlone(t *testing.T) {
	t.Parallel()
	log := sentinel.Stack.Log(t)
	publish := func(n int) {
		at := time.Now()
		log.Publish(t, fmt.Sprintf("msg_%d", n), testkit.Body("user.updated", at, testkit.Data{"id": fmt.Sprintf("user_%d", n%7)}))
	}
	const floor = 250 * time.Millisecond
	n := 0
	for began, tick := time.Now(), time.NewTicker(floor/10); time.Since(began) < 12*floor; n++ {
		publish(n)
		<-tick.C
	}
	b := &bed{Log: log, t: t}
	// Nothing else is asked, and everything happened before the start.
	s := b.watch(func(c *sentinel.Config) {
		c.Canary, c.IngestURLs, c.WebhookURL, c.Limits.Floor = sentinel.Canary{}, nil, "", floor
	})
	b.Sentinel = s
	b.awaitOutage(sentinel.CauseUnknown)
	if silent := s.Status().SilentTypes; len(silent) != 1 || silent[0].Type != "user.updated" {
		t.Errorf("silent types are %+v", silent)
	}
	b.synthetic("user_1", n)
	publish(n)
	b.awaitClosed(sentinel.CauseUnknown)
}
