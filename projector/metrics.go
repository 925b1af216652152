package projector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the projector's own; labels are closed sets and never ids.
type metrics struct {
	messages, skipped, applied, duplicates, stale prometheus.Counter
	deadLetters, sanitised                        prometheus.Counter
	batch, write, lag                             prometheus.Histogram
	checkpoint, streamEnd, leader                 prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "clerkstream", Subsystem: "projector", Name: name, Help: help, ConstLabels: labels})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "clerkstream", Subsystem: "projector", Name: name, Help: help, ConstLabels: labels})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "clerkstream", Subsystem: "projector", Name: name, Help: help, ConstLabels: labels, Buckets: buckets})
	}
	m := &metrics{
		messages:    counter("messages_total", "Messages whose position was committed."),
		skipped:     counter("skipped_total", "Messages that no read model wants."),
		applied:     counter("rows_applied_total", "Rows written because their event was newer than what was there."),
		duplicates:  counter("duplicates_total", "Events that were there already."),
		stale:       counter("stale_total", "Events that a newer one of the same entity had overtaken."),
		deadLetters: counter("dead_letters_total", "Messages that could not become rows."),
		sanitised:   counter("sanitised_total", "Values replaced because Postgres cannot hold them."),
		batch:       histogram("batch_messages", "Messages in one transaction.", prometheus.ExponentialBuckets(1, 4, 8)),
		write:       histogram("write_seconds", "Time of one transaction.", prometheus.ExponentialBuckets(0.0005, 3, 10)),
		lag:         histogram("lag_seconds", "Time from a message's receipt to the commit of its row.", prometheus.ExponentialBuckets(0.001, 2, 18)),
		checkpoint:  gauge("checkpoint_sequence", "Stream sequence up to which everything is in the tables."),
		streamEnd:   gauge("stream_sequence", "Last sequence of the stream, as last seen."),
		leader:      gauge("leader", "1 while this process leads its generation."),
	}
	if r != nil {
		r.MustRegister(m.messages, m.skipped, m.applied, m.duplicates, m.stale, m.deadLetters, m.sanitised,
			m.batch, m.write, m.lag, m.checkpoint, m.streamEnd, m.leader)
	}
	return m
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
