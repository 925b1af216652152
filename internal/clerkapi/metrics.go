package clerkapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are looked up once; a request only adds.
type metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	waited   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, budget *Budget) (*metrics, error) {
	const namespace, subsystem = "clerkstream", "clerkapi"
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "requests_total",
			Help: "Requests to Clerk's Backend API by outcome: ok, not_found, unauthorized, not_enabled, throttled, rejected (another 4xx), failed (5xx), " +
				"shape (200 with something else than promised), network.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "request_duration_seconds", Help: "Time of one request, body included.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13),
		}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "budget_wait_seconds", Help: "Time that a request waited for the budget before it went out.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
	}
	if r == nil {
		return m, nil
	}
	used := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "budget_used", Help: "Requests in the last window of the budget.",
	}, func() float64 { used, _ := budget.Stats(); return float64(used) })
	limit := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "budget_limit", Help: "Requests that a window of the budget allows.",
	}, func() float64 { _, limit := budget.Stats(); return float64(limit) })
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.waited, used, limit} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(err error, took time.Duration) {
	m.duration.Observe(took.Seconds())
	m.requests.WithLabelValues(outcomeOf(err)).Inc()
}

func outcomeOf(err error) string {
	answered, isAnswer := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrUnauthorized):
		return "unauthorized"
	case errors.Is(err, ErrNotEnabled):
		return "not_enabled"
	case errors.Is(err, ErrShape):
		return "shape"
	case !isAnswer:
		return "network"
	case answered.Status == http.StatusTooManyRequests:
		return "throttled"
	case answered.Status >= 500:
		return "failed"
	}
	return "rejected"
}
