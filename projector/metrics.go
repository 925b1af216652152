package projector

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metricSet is the projector's metrics of all generations; the labels are closed sets and never ids.
type metricSet struct {
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
}

// metrics are those of one generation.
type metrics struct {
	messages, skipped, applied, duplicates, stale prometheus.Counter
	deadLetters, sanitised                        prometheus.Counter
	batch, write, lag                             prometheus.Observer
	checkpoint, streamEnd, leader                 prometheus.Gauge
	verified                                      prometheus.Counter
	verifyDifferences, verifiedAt                 prometheus.Gauge
	drop                                          func()
}

const labelGeneration = "generation"

func newMetrics(r prometheus.Registerer, service string) *metricSet {
	labels, names := prometheus.Labels{"service": service}, []string{labelGeneration}
	set := &metricSet{
		counters: map[string]*prometheus.CounterVec{}, gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}
	options := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "clerkstream", Subsystem: "projector", Name: name, Help: help, ConstLabels: labels}
	}
	for name, help := range map[string]string{
		"messages_total":     "Messages whose position was committed.",
		"skipped_total":      "Messages that no read model wants.",
		"rows_applied_total": "Rows written because their event was newer than what was there.",
		"duplicates_total":   "Events that were there already.",
		"stale_total":        "Events that a newer one of the same entity had overtaken.",
		"dead_letters_total": "Messages that could not become rows.",
		"sanitised_total":    "Values replaced because Postgres cannot hold them.",

		"verified_entities_total": "Entities whose rows were compared with a fresh fold of their history.",
	} {
		set.counters[name] = prometheus.NewCounterVec(prometheus.CounterOpts(options(name, help)), names)
	}
	for name, help := range map[string]string{
		"checkpoint_sequence": "Stream sequence up to which everything is in the tables.",
		"stream_sequence":     "Last sequence of the stream, as last seen.",
		"leader":              "1 while this process leads the generation.",
		"verify_differences":  "Rows that differed from a fresh fold in the last sampled verification.",
		"verified_at_seconds": "When the last sampled verification ended, in seconds since 1970; 0 before the first.",
	} {
		set.gauges[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts(options(name, help)), names)
	}
	for name, one := range map[string]struct {
		help    string
		buckets []float64
	}{
		"batch_messages": {"Messages in one transaction.", prometheus.ExponentialBuckets(1, 4, 8)},
		"write_seconds":  {"Time of one transaction.", prometheus.ExponentialBuckets(0.0005, 3, 10)},
		"lag_seconds":    {"Time from a message's receipt to the commit of its row.", prometheus.ExponentialBuckets(0.001, 2, 18)},
	} {
		set.histograms[name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "clerkstream", Subsystem: "projector", Name: name, Help: one.help, ConstLabels: labels, Buckets: one.buckets}, names)
	}
	if r != nil {
		set.each(func(c prometheus.Collector) { r.MustRegister(c) })
	}
	return set
}

func (s *metricSet) each(do func(prometheus.Collector)) {
	for _, c := range s.counters {
		do(c)
	}
	for _, g := range s.gauges {
		do(g)
	}
	for _, h := range s.histograms {
		do(h)
	}
}

func (s *metricSet) of(generation int) *metrics {
	label := strconv.Itoa(generation)
	counter := func(name string) prometheus.Counter { return s.counters[name].WithLabelValues(label) }
	gauge := func(name string) prometheus.Gauge { return s.gauges[name].WithLabelValues(label) }
	histogram := func(name string) prometheus.Observer { return s.histograms[name].WithLabelValues(label) }
	return &metrics{
		messages: counter("messages_total"), skipped: counter("skipped_total"), applied: counter("rows_applied_total"),
		duplicates: counter("duplicates_total"), stale: counter("stale_total"),
		deadLetters: counter("dead_letters_total"), sanitised: counter("sanitised_total"),
		batch: histogram("batch_messages"), write: histogram("write_seconds"), lag: histogram("lag_seconds"),
		checkpoint: gauge("checkpoint_sequence"), streamEnd: gauge("stream_sequence"), leader: gauge("leader"),
		verified: counter("verified_entities_total"), verifyDifferences: gauge("verify_differences"), verifiedAt: gauge("verified_at_seconds"),
		drop: func() {
			s.each(func(c prometheus.Collector) {
				if vec, ok := c.(interface{ DeleteLabelValues(...string) bool }); ok {
					vec.DeleteLabelValues(label)
				}
			})
		},
	}
}

func (m *metrics) committed(c Commit, took time.Duration) {
	m.messages.Add(float64(c.Messages))
	m.skipped.Add(float64(c.Skipped))
	m.applied.Add(float64(c.Applied))
	m.duplicates.Add(float64(c.Duplicates))
	m.stale.Add(float64(c.Stale))
	m.deadLetters.Add(float64(c.DeadLetters))
	m.sanitised.Add(float64(c.Sanitised))
	m.batch.Observe(float64(c.Messages))
	m.write.Observe(took.Seconds())
	m.checkpoint.Set(float64(c.Sequence))
	for _, received := range c.Received {
		if !received.IsZero() {
			m.lag.Observe(c.At.Sub(received).Seconds())
		}
	}
}

func (m *metrics) streamAt(sequence uint64) { m.streamEnd.Set(float64(sequence)) }

func (m *metrics) leading(yes bool) {
	if yes {
		m.leader.Set(1)
	} else {
		m.leader.Set(0)
	}
}
