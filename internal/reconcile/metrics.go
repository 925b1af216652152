package reconcile

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	published, malformed          *prometheus.CounterVec
	objects, finished, backfilled *prometheus.GaugeVec
	complete                      *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "clerkstream", Subsystem: "reconcile", Name: name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "clerkstream", Subsystem: "reconcile", Name: name, Help: help}, labels)
		registry.MustRegister(g)
		return g
	}
	return &metrics{
		published: counter("published_total", "Events published of what the Backend API shows.", "kind", "source"),
		malformed: counter("malformed_total", "Objects of the Backend API with an unexpected shape.", "kind"),
		objects:   gauge("objects", "Objects by how they stood in the last comparison.", "kind", "mode", "class"),
		finished:  gauge("finished_timestamp_seconds", "When the last comparison ended.", "kind", "mode"),
		complete:  gauge("complete", "1 if the last comparison saw every object.", "kind", "mode"),
		// Of a run that goes on it is as far as the run is.
		backfilled: gauge("backfilled_objects", "Objects that the last backfill read.", "kind"),
	}
}

func (m *metrics) result(k *KindResult) {
	for class, n := range map[string]int64{
		"match": k.Match, "lag": k.Lag, "changed": k.Changed, "missing": k.Missing, "extra": k.Extra, "wrong_tombstone": k.WrongTombstone, "malformed": k.Malformed,
	} {
		m.objects.WithLabelValues(k.Kind, k.Mode, class).Set(float64(n))
	}
	m.finished.WithLabelValues(k.Kind, k.Mode).Set(float64(k.Finished.UnixMilli()) / 1000)
	complete := 0.0
	if k.Complete {
		complete = 1
	}
	m.complete.WithLabelValues(k.Kind, k.Mode).Set(complete)
}
