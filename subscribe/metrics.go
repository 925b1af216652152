package subscribe

import "github.com/prometheus/client_golang/prometheus"

// metrics of one group. Labels are handlers' names and closed sets, never ids.
type metrics struct {
	handled                   *prometheus.CounterVec // handler, outcome
	passed                    *prometheus.CounterVec // reason
	deadLetters               *prometheus.CounterVec // handler, reason
	seconds                   *prometheus.HistogramVec
	lag                       prometheus.Histogram
	redeliveries, unconfirmed prometheus.Counter
}

// The outcomes of one handler for one event.
const (
	outcomeDone      = "done"
	outcomeDuplicate = "duplicate"
	outcomeFailed    = "failed"
)

// Why an event went by without a handler.
const (
	passedNoHandler = "no_handler"
	passedUnrouted  = "unrouted"
	passedSource    = "source"
)

func newMetrics(r prometheus.Registerer, service string) *metrics {
	labels := prometheus.Labels{"service": service}
	options := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "clerkstream", Subsystem: "handlers", Name: name, Help: help, ConstLabels: labels}
	}
	counter := func(name, help string, names ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(options(name, help)), names)
	}
	m := &metrics{
		handled:      counter("handled_total", "Attempts of a handler at an event, by outcome: done, duplicate (it was done before), failed.", "handler", "outcome"),
		passed:       counter("passed_total", "Events acknowledged without a handler, by reason.", "reason"),
		deadLetters:  counter("dead_letters_total", "Events that a handler could not cope with, by reason.", "handler", "reason"),
		redeliveries: prometheus.NewCounter(prometheus.CounterOpts(options("handed_back_total", "Messages handed back to the broker to come again later."))),
		unconfirmed:  prometheus.NewCounter(prometheus.CounterOpts(options("acks_unconfirmed_total", "Acknowledgements that the broker did not confirm: those messages come again."))),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "clerkstream", Subsystem: "handlers", Name: "seconds", Help: "Time of one attempt of a handler.",
			ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.0005, 3, 12)}, []string{"handler"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "clerkstream", Subsystem: "handlers", Name: "lag_seconds", Help: "Time from an event's receipt to the end of its last handler.",
			ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.001, 3, 14)}),
	}
	if r != nil {
		r.MustRegister(m.handled, m.passed, m.deadLetters, m.redeliveries, m.unconfirmed, m.seconds, m.lag)
	}
	return m
}
