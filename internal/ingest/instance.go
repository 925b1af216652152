package ingest

import (
	"sync/atomic"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// instance is one Clerk environment while running.
type instance struct {
	name     string
	stream   string
	clerkID  string // the pinned instance_id, or empty
	verifier *verifier
	metrics  instanceMetrics

	// unfit says why nothing may be appended now, for an operator; nil means fit. Preflight writes it, deliveries and probes read it.
	unfit atomic.Pointer[string]
}

// notChecked is the state of an instance before the first look at its stream.
const notChecked = "stream not checked yet"

func newInstance(c Instance, m *metrics) (*instance, error) {
	v, err := newVerifier(c.Secrets)
	if err != nil {
		return nil, err
	}
	in := &instance{
		name: c.Name, stream: broker.StreamName(c.Name), clerkID: c.ClerkID,
		verifier: v, metrics: m.forInstance(c.Name, len(c.Secrets)),
	}
	reason := notChecked
	in.unfit.Store(&reason)
	return in, nil
}

// setUnfit takes "" for fit, and reports whether anything changed.
func (in *instance) setUnfit(reason string) (changed bool) {
	in.metrics.ready.Set(number(reason == ""))
	if reason == "" {
		return in.unfit.Swap(nil) != nil
	}
	old := in.unfit.Swap(&reason)
	return old == nil || *old != reason
}
