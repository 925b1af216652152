package watch

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	holding prometheus.Gauge
	walks   *prometheus.CounterVec
	ended   *prometheus.GaugeVec
	seconds *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		holding: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "clerkstream_watch_holds_lock", Help: "1 while this process does the work of the instance, 0 while another one does or nobody can.",
		}),
		walks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clerkstream_watch_walks_total", Help: "Walks through the Backend API, by what for and by how they ended.",
		}, []string{"walk", "outcome"}),
		ended: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "clerkstream_watch_walk_succeeded_at_seconds", Help: "When a walk last ended well, as a Unix time.",
		}, []string{"walk"}),
		seconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "clerkstream_watch_walk_seconds", Help: "How long the last walk that ended well took.",
		}, []string{"walk"}),
	}
	for _, c := range []prometheus.Collector{m.holding, m.walks, m.ended, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) walked(what string, err error, at time.Time, took time.Duration) {
	if err != nil {
		m.walks.WithLabelValues(what, "failed").Inc()
		return
	}
	m.walks.WithLabelValues(what, "done").Inc()
	m.ended.WithLabelValues(what).Set(float64(at.UnixMilli()) / 1000)
	m.seconds.WithLabelValues(what).Set(took.Seconds())
}
