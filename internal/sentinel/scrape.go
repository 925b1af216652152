package sentinel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	scrapeWithin = 5 * time.Second
	// maxScrape bounds what is read of an answer. Ingest's metrics are 30 KB for one instance.
	maxScrape = 4 << 20
)

// scrape reads what an ingest says of an instance's deliveries. Those that never reached an instance count too: nobody knows whose they were.
func scrape(ctx context.Context, client *http.Client, ingest, instance string) (tally, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	url := strings.TrimSuffix(ingest, "/") + "/metrics"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return tally{}, fmt.Errorf("ask ingest: %w", err)
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	answer, err := client.Do(request)
	if err != nil {
		return tally{}, fmt.Errorf("ask ingest: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return tally{}, fmt.Errorf("ask ingest: %s answers %s", request.URL.Host, answer.Status)
	}
	return parseTally(io.LimitReader(answer.Body, maxScrape), instance)
}

// The names of package ingest and of Prometheus' process collector.
const (
	deliveriesName = "clerkstream_ingest_deliveries_total"
	startName      = "process_start_time_seconds"
)

func parseTally(r io.Reader, instance string) (tally, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return tally{}, fmt.Errorf("read metrics: %w", err)
	}
	deliveries := families[deliveriesName]
	if deliveries == nil {
		return tally{}, fmt.Errorf("read metrics: no %s: is it an ingest's address?", deliveriesName)
	}
	var t tally
	for _, m := range deliveries.GetMetric() {
		if of := label(m, "instance"); of == instance || of == "" {
			t.counts[kindOf(label(m, "outcome"))] += m.GetCounter().GetValue() + m.GetUntyped().GetValue()
		}
	}
	// It tells nothing, and must not look like a restart when it does not grow.
	t.counts[kindNone] = 0
	for _, m := range families[startName].GetMetric() {
		t.started = m.GetGauge().GetValue() + m.GetUntyped().GetValue()
	}
	return t, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// probe asks the public endpoint for what it is. A GET is answered 405 by ingest, with a code of its own, at the right path only.
func probe(ctx context.Context, client *http.Client, url string) probed {
	ctx, cancel := context.WithTimeout(ctx, scrapeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return probeElse
	}
	answer, err := client.Do(request)
	if err != nil {
		return probeElse
	}
	defer answer.Body.Close()
	var body struct {
		Code string `json:"code"`
	}
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<10)).Decode(&body) != nil ||
		answer.StatusCode != http.StatusMethodNotAllowed || body.Code != "method_not_allowed" {
		return probeElse
	}
	return probeIngest
}
