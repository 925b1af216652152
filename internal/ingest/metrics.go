package ingest

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

// metrics are the collectors of one ingest. Every label has a closed set of values, all of which are shown from the start, so that an
// alarm on a rate sees the first step too. The children are looked up once: the hot path only adds to them.
type metrics struct {
	deliveries  *prometheus.CounterVec
	unrouted    *prometheus.CounterVec
	secret      *prometheus.CounterVec
	noClerkID   *prometheus.CounterVec
	last        *prometheus.GaugeVec
	replicas    *prometheus.GaugeVec
	fileStorage *prometheus.GaugeVec
	fsync       *prometheus.GaugeVec
	ready       *prometheus.GaugeVec

	appendSeconds  prometheus.Histogram
	requestSeconds prometheus.Histogram
	bodyBytes      prometheus.Histogram

	// nobody counts what never reached an instance, by outcome; its instance label is empty.
	nobody [outcomes]prometheus.Counter
}

const (
	namespace = "clerkstream"
	subsystem = "ingest"
)

var (
	// From a local broker's half millisecond to the deadline.
	secondsBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	bytesBuckets   = []float64{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		deliveries:     counterVec("deliveries_total", "Deliveries by instance and outcome; stored and duplicate were answered 204.", "instance", "outcome"),
		unrouted:       counterVec("unrouted_total", "Stored events that name no entity, by reason.", "instance", "reason"),
		secret:         counterVec("secret_matched_total", "Verified deliveries by the index of the signing secret that fitted, in the order configured.", "instance", "index"),
		noClerkID:      counterVec("instance_id_missing_total", "Verified deliveries whose body names no instance_id.", "instance"),
		last:           gaugeVec("last_accepted_timestamp_seconds", "When the last delivery was answered 204, in seconds since 1970.", "instance"),
		replicas:       gaugeVec("stream_replicas", "Copies that the broker keeps of the stream.", "instance"),
		fileStorage:    gaugeVec("stream_file_storage", "1 when the stream is kept in files, 0 when in memory.", "instance"),
		fsync:          gaugeVec("stream_fsync", "1 for the state that holds: always (each append is fsynced before its acknowledgement), interval, never, unknown.", "instance", "state"),
		ready:          gaugeVec("instance_ready", "1 when deliveries of the instance may be stored, as far as the last look at its stream told.", "instance"),
		appendSeconds:  histogram("append_seconds", "From the publish to the broker's acknowledgement or an error.", secondsBuckets),
		requestSeconds: histogram("request_seconds", "From a delivery's header to its answer.", secondsBuckets),
		bodyBytes:      histogram("body_bytes", "Size of verified bodies.", bytesBuckets),
	}
	for _, c := range []prometheus.Collector{
		m.deliveries, m.unrouted, m.secret, m.noClerkID, m.last, m.replicas, m.fileStorage, m.fsync, m.ready,
		m.appendSeconds, m.requestSeconds, m.bodyBytes,
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	for _, o := range []outcome{notFound, instanceUnknown, panicked} {
		m.nobody[o] = m.deliveries.WithLabelValues("", answers[o].code)
	}
	return m, nil
}

// instanceMetrics are one instance's children.
type instanceMetrics struct {
	outcome     [outcomes]prometheus.Counter
	unrouted    map[events.Reason]prometheus.Counter
	secret      []prometheus.Counter
	noClerkID   prometheus.Counter
	last        prometheus.Gauge
	replicas    prometheus.Gauge
	fileStorage prometheus.Gauge
	fsync       map[broker.Fsync]prometheus.Gauge
	ready       prometheus.Gauge
}

func (m *metrics) forInstance(name string, secrets int) instanceMetrics {
	im := instanceMetrics{
		unrouted:    map[events.Reason]prometheus.Counter{},
		noClerkID:   m.noClerkID.WithLabelValues(name),
		last:        m.last.WithLabelValues(name),
		replicas:    m.replicas.WithLabelValues(name),
		fileStorage: m.fileStorage.WithLabelValues(name),
		fsync:       map[broker.Fsync]prometheus.Gauge{},
		ready:       m.ready.WithLabelValues(name),
	}
	for o := range outcomes {
		if o != notFound && o != instanceUnknown {
			im.outcome[o] = m.deliveries.WithLabelValues(name, answers[o].code)
		}
	}
	for _, reason := range []events.Reason{
		events.ReasonNotJSON, events.ReasonNotObject, events.ReasonNoType, events.ReasonTypeForm, events.ReasonNoID, events.ReasonIDForm,
	} {
		im.unrouted[reason] = m.unrouted.WithLabelValues(name, string(reason))
	}
	for i := range secrets {
		im.secret = append(im.secret, m.secret.WithLabelValues(name, strconv.Itoa(i)))
	}
	for _, state := range []broker.Fsync{broker.FsyncAlways, broker.FsyncInterval, broker.FsyncNever, broker.FsyncUnknown} {
		im.fsync[state] = m.fsync.WithLabelValues(name, string(state))
	}
	return im
}

// registerLive adds the gauges that are read when somebody looks.
func registerLive(r prometheus.Registerer, inFlight func() float64, connected func() bool) error {
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(options("in_flight", "Appends waiting for their acknowledgement."), inFlight),
		prometheus.NewGaugeFunc(options("broker_connected", "1 while connected to the broker."), func() float64 { return number(connected()) }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func options(name, help string) prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}
}

func gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(options(name, help), labels)
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(options(name, help)), labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets})
}
