package sentinel

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// startIngest runs a real ingest for one instance and returns its two addresses.
func startIngest(t testing.TB, log *testkit.Log) (public, ops string) {
	t.Helper()
	server, err := ingest.New(ingest.Config{
		ListenAddr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", NATS: settings.NATS{URL: log.URL},
		Instances: []ingest.Instance{{Name: log.Instance, Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + server.Addr(), "http://" + server.OpsAddr()
}

func TestEveryOutcomeOfIngestIsKnown(t *testing.T) {
	t.Parallel()
	_, ops := startIngest(t, Stack.Log(t))
	families := metricsOf(t, ops)
	// What tells nothing of the way of deliveries.
	silent := map[string]bool{"method_not_allowed": true, "client_gone": true}
	outcomes := map[string]bool{}
	for _, m := range families[deliveriesName].GetMetric() {
		outcome := label(m, "outcome")
		outcomes[outcome] = true
		if (kindOf(outcome) == kindNone) != silent[outcome] {
			t.Errorf("outcome %s is of kind %d", outcome, kindOf(outcome))
		}
	}
	if len(outcomes) < 15 || !outcomes["signature_mismatch"] {
		t.Errorf("ingest shows the outcomes %v only", outcomes)
	}
	if families[startName] == nil {
		t.Logf("this system does not tell when a process began")
	}
}

func TestOnlyTheOwnInstanceIsCounted(t *testing.T) {
	t.Parallel()
	const text = `# TYPE clerkstream_ingest_deliveries_total counter
clerkstream_ingest_deliveries_total{instance="prod",outcome="stored"} 3
clerkstream_ingest_deliveries_total{instance="prod",outcome="duplicate"} 1
clerkstream_ingest_deliveries_total{instance="prod",outcome="timestamp_too_old"} 5
clerkstream_ingest_deliveries_total{instance="prod",outcome="timestamp_too_new"} 2
clerkstream_ingest_deliveries_total{instance="prod",outcome="invented"} 9
clerkstream_ingest_deliveries_total{instance="staging",outcome="signature_mismatch"} 70
clerkstream_ingest_deliveries_total{instance="",outcome="not_found"} 4
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.5e9
`
	got, err := parseTally(strings.NewReader(text), "prod")
	if err != nil {
		t.Fatal(err)
	}
	want := tally{started: 1.5e9}
	want.counts[kindTaken], want.counts[kindClock], want.counts[kindPath] = 4, 7, 4
	if got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestWhatIsNoIngestIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"other metrics": "# TYPE up gauge\nup 1\n", "a page": "<html>welcome</html>", "nothing": "", "cut off": deliveriesName + `{instance="prod`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
			defer server.Close()
			client := newClient()
			defer client.CloseIdleConnections()
			if got, err := scrape(t.Context(), client, server.URL, "prod"); err == nil {
				t.Errorf("taken for an ingest that shows %v", got)
			}
		})
	}
}

func TestTheProbeKnowsIngestFromAnythingElse(t *testing.T) {
	t.Parallel()
	log := Stack.Log(t)
	public, _ := startIngest(t, log)
	proxy := httptest.NewServer(http.NotFoundHandler())
	defer proxy.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	client := newClient()
	defer client.CloseIdleConnections()
	for url, want := range map[string]probed{
		public + "/webhooks/clerk":                 probeIngest,
		public + "/webhooks/clerk/" + log.Instance: probeIngest,
		public + "/webhooks/clerk/other":           probeElse,
		public + "/api/webhooks/clerk":             probeElse,
		proxy.URL + "/webhooks/clerk":              probeElse,
		gone.URL + "/webhooks/clerk":               probeElse,
	} {
		if got := probe(t.Context(), client, url); got != want {
			t.Errorf("%s is found to be %d, want %d", url, got, want)
		}
	}
}

func metricsOf(t testing.TB, ops string) map[string]*dto.MetricFamily {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Get(ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}
