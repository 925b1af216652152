package denylist

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/auth"
)

// metrics of one list. Labels are closed sets and never ids.
type metrics struct {
	revocation         prometheus.Histogram
	connected, entries prometheus.Gauge
	refusals, flushes  *prometheus.CounterVec
	lookups, unchecked prometheus.Counter
}

// The causes of a flush.
const (
	causeConnected = "connected" // the feed was away, or is heard for the first time
	causeNotice    = "notice"    // a notice said so, or could not say what changed
	causeOverflow  = "overflow"  // the list is longer than MaxEntries
	causeUnread    = "unread"    // the changed rows could not be read
)

// codes are all reasons for which the list refuses.
var codes = [...]auth.Code{
	auth.CodeUserDeleted, auth.CodeUserBanned, auth.CodeUserLocked, auth.CodeUserDeprovisioned, auth.CodeSessionEnded, auth.CodeOrgDeleted, auth.CodeMembershipRemoved,
	auth.CodeRoleChanged, auth.CodeTokenOutdated, auth.CodeFreshnessUnknown,
}

func newMetrics(r prometheus.Registerer) *metrics {
	const namespace, subsystem = "clerkstream", "denylist"
	m := &metrics{
		revocation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "revocation_seconds",
			Help:    "Time from Clerk's timestamp of a change that can revoke access to its enforcement here.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 16),
		}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: "connected",
			Help: "1 while the change feed is heard."}),
		entries: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: "entries",
			Help: "Changes that tokens from before them are compared with."}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: "refusals_total",
			Help: "Refused tokens by reason."}, []string{"code"}),
		flushes: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: "flushes_total",
			Help: "How often everything known was in doubt, so that the tokens of that time are looked up, by cause."}, []string{"cause"}),
		lookups: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: "lookups_total",
			Help: "Queries for tokens from before the feed was heard."}),
		unchecked: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: "unchecked_total",
			Help: "Tokens that passed unchecked because the policy is to fail open."}),
	}
	// All series are there from the start, so that a rate over the first of them is one.
	for _, code := range codes {
		m.refusals.WithLabelValues(string(code))
	}
	for _, cause := range []string{causeConnected, causeNotice, causeOverflow, causeUnread} {
		m.flushes.WithLabelValues(cause)
	}
	if r != nil {
		r.MustRegister(m.revocation, m.connected, m.entries, m.refusals, m.flushes, m.lookups, m.unchecked)
	}
	return m
}
