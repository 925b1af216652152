package ingest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

func TestMetricsHaveAClosedSetOfSeriesFromTheStart(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL()))
	series := func() (names []string) {
		_, all := x.get(t, "http://"+x.OpsAddr()+"/metrics")
		for l := range strings.Lines(all) {
			if strings.HasPrefix(l, "clerkstream_ingest_") {
				names = append(names, l[:strings.LastIndexByte(l, ' ')])
			}
		}
		return names
	}
	before := series()
	for i := range 20 {
		x.send(t, delivery{id: fmt.Sprintf("msg_%d", i), body: fmt.Appendf(nil, `{"type":"user.odd%d","data":{"id":"user_%d"}}`, i, i)})
		x.send(t, delivery{path: fmt.Sprintf("/webhooks/clerk/any%d", i)})
		x.send(t, delivery{path: fmt.Sprintf("/any%d", i)})
		x.send(t, delivery{id: fmt.Sprintf("forged_%d", i), secret: secretB})
	}
	if after := series(); len(after) != len(before) {
		t.Errorf("%d series became %d: a label takes what a sender says", len(before), len(after))
	}
	for line, want := range map[string]string{
		`deliveries_total{instance="default",outcome="stored"}`:             "20",
		`deliveries_total{instance="default",outcome="signature_mismatch"}`: "20",
		`deliveries_total{instance="default",outcome="body_too_large"}`:     "0",
		`deliveries_total{instance="",outcome="instance_unknown"}`:          "20",
		`deliveries_total{instance="",outcome="not_found"}`:                 "20",
		`secret_matched_total{index="0",instance="default"}`:                "20",
		`instance_id_missing_total{instance="default"}`:                     "20",
		`append_seconds_count`:                    "20",
		`request_seconds_count`:                   "40",
		`body_bytes_count`:                        "20",
		`in_flight`:                               "0",
		`broker_connected`:                        "1",
		`instance_ready{instance="default"}`:      "1",
		`stream_replicas{instance="default"}`:     "1",
		`stream_file_storage{instance="default"}`: "1",
	} {
		if got := x.metric(t, line); got != want {
			t.Errorf("%s is %q, want %s", line, got, want)
		}
	}
	if got := x.metric(t, `last_accepted_timestamp_seconds{instance="default"}`); got == "" || got == "0" {
		t.Errorf("last accepted: %q", got)
	}
}

func TestMetricsHaveHelpAndProperNames(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL()))
	_, all := x.get(t, "http://"+x.OpsAddr()+"/metrics")
	problems, err := promlint.New(strings.NewReader(all)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "clerkstream_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// A mistake of ours must neither take the process down nor lose the delivery nor tell the log who called.
func TestAPanicIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	var broken atomic.Bool
	broken.Store(true)
	x := ready(t, config(server.URL(), func(c *ingest.Config) {
		c.Now = func() time.Time {
			if broken.Load() {
				panic("a mistake")
			}
			return time.Now()
		}
	}))
	got := x.send(t, delivery{})
	expect(t, "panic", got, http.StatusServiceUnavailable, "internal")
	if n := x.metric(t, `deliveries_total{instance="default",outcome="internal"}`); n != "1" {
		t.Errorf("counted %q", n)
	}
	broken.Store(false)
	expect(t, "the retry", x.send(t, delivery{}), 204, "")
	expectStored(t, js, "default", 1)
}
