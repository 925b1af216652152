package auth

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	namespace = "clerkstream"
	subsystem = "auth"

	// outcomeAccepted stands beside the codes.
	outcomeAccepted = "accepted"
	// alertAmbiguous: see masksClaim.permissions.
	alertAmbiguous = "permissions_ambiguous"
)

// tokenMetrics are looked up once; verifying only adds.
type tokenMetrics struct {
	accepted  prometheus.Counter
	refused   map[Code]prometheus.Counter
	ambiguous prometheus.Counter
	other     *prometheus.CounterVec // for codes of the caller's own Revocations
}

func newTokenMetrics(r prometheus.Registerer) (tokenMetrics, error) {
	tokens, err := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "tokens_total", Help: "Tokens by outcome: accepted, or the code of the refusal.",
	}, []string{"outcome"}))
	if err != nil {
		return tokenMetrics{}, err
	}
	alerts, err := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "alerts_total",
		Help: "Accepted tokens with something odd; permissions_ambiguous: permissions can be read in two ways, none was granted.",
	}, []string{"alert"}))
	if err != nil {
		return tokenMetrics{}, err
	}
	m := tokenMetrics{
		accepted:  tokens.WithLabelValues(outcomeAccepted),
		refused:   make(map[Code]prometheus.Counter, len(refusals)),
		ambiguous: alerts.WithLabelValues(alertAmbiguous),
		other:     tokens,
	}
	for code := range refusals {
		m.refused[code] = tokens.WithLabelValues(string(code))
	}
	return m, nil
}

func (m *tokenMetrics) count(err error) {
	if err == nil {
		m.accepted.Inc()
		return
	}
	code := CodeOf(err)
	if c, ok := m.refused[code]; ok {
		c.Inc()
		return
	}
	m.other.WithLabelValues(string(code)).Inc()
}

type keyMetrics struct {
	ok, failed prometheus.Counter
	fetched    prometheus.Gauge
}

func newKeyMetrics(r prometheus.Registerer, issuer string) (keyMetrics, error) {
	fetches, err := register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "key_fetches_total", Help: "Fetches of an issuer's keys by result: ok, failed.",
	}, []string{"issuer", "result"}))
	if err != nil {
		return keyMetrics{}, err
	}
	fetched, err := register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "keys_fetched_timestamp_seconds",
		Help: "When the keys in use were fetched, in seconds since 1970; 0 before the first fetch.",
	}, []string{"issuer"}))
	if err != nil {
		return keyMetrics{}, err
	}
	return keyMetrics{
		ok: fetches.WithLabelValues(issuer, "ok"), failed: fetches.WithLabelValues(issuer, "failed"), fetched: fetched.WithLabelValues(issuer),
	}, nil
}

// register adds c, or returns the same collector that another verifier or key set of this process has added.
func register[C prometheus.Collector](r prometheus.Registerer, c C) (C, error) {
	if r == nil {
		return c, nil
	}
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := already.ExistingCollector.(C); ok {
			return same, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("register metrics: %w", err)
	}
	return c, nil
}
