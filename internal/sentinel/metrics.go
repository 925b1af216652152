package sentinel

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the sentinel's collectors. Every label has a closed set of values; types and ids are in Status only.
type metrics struct {
	signal, suspected, refused *prometheus.GaugeVec
	outage, unrepaired, silent prometheus.Gauge
	canarySeconds              prometheus.Gauge
	outages, canary            *prometheus.CounterVec
	repaired                   prometheus.Counter
}

// The outcomes of a canary's touch.
const (
	touchReturned = "returned"
	touchLate     = "late"
	touchRefused  = "refused"
)

func newMetrics(r prometheus.Registerer, age func() float64) (*metrics, error) {
	m := &metrics{
		signal:        gaugeVec("signal", "1 for the state a signal is in.", "signal", "state"),
		suspected:     gaugeVec("suspected_cause", "1 for what the outage that goes on is suspected to come from.", "cause"),
		refused:       gaugeVec("refused", "Deliveries that ingests refused since they last took one, by the cause that this speaks for.", "cause"),
		outage:        gauge("outage", "1 while webhooks do not come."),
		unrepaired:    gauge("unrepaired_outages", "Outages that are over and whose hole is not closed."),
		silent:        gauge("silent_types", "Event types that did not come for longer than their rhythm explains."),
		canarySeconds: gauge("canary_seconds", "How long the event of the last touch that came back took."),
		outages:       counterVec("outages_total", "Outages by the cause that was suspected first.", "cause"),
		canary:        counterVec("canary_total", "Touches of the reserved user by what came of them; late is an event that did not come in time.", "outcome"),
		repaired:      prometheus.NewCounter(prometheus.CounterOpts(options("repaired_objects_total", "Objects published to close holes."))),
	}
	ageGauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts(options("last_webhook_age_seconds", "Age of the last webhook on the stream; -1 when none is known.")), age)
	for _, c := range []prometheus.Collector{
		m.signal, m.suspected, m.refused, m.outage, m.unrepaired, m.silent, m.canarySeconds, m.outages, m.canary, m.repaired, ageGauge,
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	for _, c := range causes() {
		m.outages.WithLabelValues(string(c))
	}
	for _, outcome := range []string{touchReturned, touchLate, touchRefused} {
		m.canary.WithLabelValues(outcome)
	}
	return m, nil
}

// show brings the gauges up to date.
func (m *metrics) show(j *judge, now time.Time) {
	for name, x := range j.signals {
		for _, s := range states() {
			m.signal.WithLabelValues(name, string(s)).Set(number(x.State == s))
		}
	}
	e := j.evidence(now)
	byCause := map[Cause]float64{}
	for k := kindSecret; k < kinds; k++ {
		byCause[k.cause()] += e.refused[k]
	}
	for _, c := range causes() {
		m.suspected.WithLabelValues(string(c)).Set(number(j.open != nil && j.open.Cause == c))
		m.refused.WithLabelValues(string(c)).Set(byCause[c])
	}
	m.outage.Set(number(j.open != nil))
	m.unrepaired.Set(float64(len(j.unrepaired)))
	m.silent.Set(float64(len(j.silent)))
	m.canarySeconds.Set(j.canary.took.Seconds())
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func options(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "clerkstream", Subsystem: "sentinel", Name: name, Help: help}
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts(options(name, help)))
}

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts(options(name, help)), labels)
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(options(name, help)), labels)
}
