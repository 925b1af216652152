package hydrate

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
)

type metrics struct {
	requests *prometheus.CounterVec
	fetches  *prometheus.CounterVec
	seconds  prometheus.Histogram
	waiting  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clerkstream_hydrate_requests_total", Help: "Requests of services for a missing object, by kind and by how they ended.",
		}, []string{"kind", "status"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clerkstream_hydrate_fetches_total", Help: "Objects read from Clerk for such requests, by kind and by how that ended.",
		}, []string{"kind", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "clerkstream_hydrate_fetch_seconds", Help: "From the turn of an object to its message on the stream, Clerk's answer included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "clerkstream_hydrate_waiting", Help: "Requests that wait for an answer.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.fetches, m.seconds, m.waiting} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// answered counts requests. What was asked for is a label only where it is one of the kinds.
func (m *metrics) answered(kind string, status wire.Status, n int) {
	if status == wire.Invalid {
		kind = "none"
	}
	m.requests.WithLabelValues(kind, string(status)).Add(float64(n))
}

func (m *metrics) fetched(kind string, status wire.Status, took time.Duration) {
	m.fetches.WithLabelValues(kind, string(status)).Inc()
	m.seconds.Observe(took.Seconds())
}
