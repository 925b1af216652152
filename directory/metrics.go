package directory

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a Directory's; the labels are closed sets and never ids.
type metrics struct {
	hits, misses           [whats]prometheus.Counter
	failures, unknownRoles prometheus.Counter
	flushes                *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, d *Directory) (*metrics, error) {
	options := func(name, help string) prometheus.Opts {
		return prometheus.Opts{
			Namespace: "clerkstream", Subsystem: "directory", Name: name, Help: help, ConstLabels: prometheus.Labels{"schema": d.config.Schema},
		}
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(options(name, help)), value)
	}
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts(options("lookups_total", "Lookups by whether memory had the answer.")), []string{"lookup", "result"})
	m := &metrics{
		failures:     prometheus.NewCounter(prometheus.CounterOpts(options("load_failures_total", "Answers that could not be read."))),
		unknownRoles: prometheus.NewCounter(prometheus.CounterOpts(options("unknown_roles_total", "Permissions asked of a role that has no row."))),
		flushes:      prometheus.NewCounterVec(prometheus.CounterOpts(options("flushes_total", "How often much was forgotten at once, by why.")), []string{"reason"}),
	}
	for w := range whats {
		if w != domainByID {
			m.hits[w], m.misses[w] = lookups.WithLabelValues(names[w], "hit"), lookups.WithLabelValues(names[w], "miss")
		}
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		lookups, m.failures, m.unknownRoles, m.flushes,
		gauge("cache_bytes", "Memory of what is kept, as weighed.", func() float64 { return float64(d.cache.kept.WeightedSize()) }),
		gauge("waiters", "Calls that wait for a change.", func() float64 { return float64(d.waiters.count()) }),
		gauge("feed_connected", "1 while the change feed stands.", func() float64 {
			if d.feed.lost.Load() == 0 {
				return 1
			}
			return 0
		}),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
