package sentinel

import (
	"fmt"
	"time"
)

// State is how a signal stands.
type State string

// The states. Unknown is what cannot be told: not configured, nothing learnt yet, or not to be seen at the moment.
const (
	StateOK      State = "ok"
	StateSilent  State = "silent"
	StateFailing State = "failing"
	StateUnknown State = "unknown"
)

func states() []State { return []State{StateOK, StateSilent, StateFailing, StateUnknown} }

// The names of signals.
const (
	SignalSilence  = "silence"  // all types together
	SignalCanary   = "canary"   //
	SignalRefusals = "refusals" // what ingests answer
	SignalIngest   = "ingest"   // whether ingests can be asked
	SignalStream   = "stream"   // whether the stream can be read
)

func signalNames() []string {
	return []string{SignalSilence, SignalCanary, SignalRefusals, SignalIngest, SignalStream}
}

// Cause is what an outage is suspected to come from. The set is closed.
type Cause string

// The causes. None is the absence of an outage.
const (
	CauseNone     Cause = ""
	CauseSecret   Cause = "secret"   // signed with a secret that ingest does not have
	CauseRoute    Cause = "route"    // deliveries do not reach ingest's path
	CauseClock    Cause = "clock"    // ingest's clock is minutes away from Svix'
	CauseInstance Cause = "instance" // another Clerk instance's endpoint delivers here
	CauseEndpoint Cause = "endpoint" // nothing is sent: disabled, deleted, or its URL is another
	CauseIngest   Cause = "ingest"   // ingest is down, or fails
	CauseBroker   Cause = "broker"   // ingest cannot append, or we cannot read
	CauseUnknown  Cause = "unknown"
)

func causes() []Cause {
	return []Cause{CauseSecret, CauseRoute, CauseClock, CauseInstance, CauseEndpoint, CauseIngest, CauseBroker, CauseUnknown}
}

// Status is what is known at a time. It holds no personal data and no secret.
type Status struct {
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	// Learning says that the stream's recent past is still being read: nothing is judged by its rhythm yet.
	Learning bool     `json:"learning"`
	Signals  []Signal `json:"signals"`
	// SilentTypes did not come for longer than their own rhythm explains while others did, most overdue first, 20 at most.
	SilentTypes []SilentType `json:"silent_types,omitempty"`
	// LastWebhook is when the stream took the last webhook, of the canary too; zero when none is known.
	LastWebhook time.Time `json:"last_webhook,omitzero"`
	// Outage is the one that goes on.
	Outage *Outage `json:"outage,omitempty"`
	// Unrepaired are over, and what they would have told was not fetched yet, oldest first.
	Unrepaired []Outage `json:"unrepaired,omitempty"`
	// LastClosed is the last one whose hole is closed.
	LastClosed *Outage `json:"last_closed,omitempty"`
}

// Signal is one way to see that webhooks come.
type Signal struct {
	Name   string    `json:"name"`
	State  State     `json:"state"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail,omitempty"`
}

// SilentType is a type that does not come any more.
type SilentType struct {
	Type string    `json:"type"`
	Last time.Time `json:"last"`
	// Expected is how many were to be expected since.
	Expected float64 `json:"expected"`
}

// Outage is a stretch of time in which webhooks did not come. Zero times are what has not happened yet.
type Outage struct {
	// ID is what Record returned; 0 before.
	ID int64 `json:"id"`
	// Began is the last time at which webhooks are known to have come; nothing in front of it is missing.
	Began   time.Time `json:"began"`
	Noticed time.Time `json:"noticed"`
	Cause   Cause     `json:"suspected_cause"`
	// Advice is what to look at first.
	Advice string `json:"advice,omitempty"`
	// Signals that told it.
	Signals []string `json:"signals"`
	// Ended is when webhooks came again, Reconciled when the hole was closed, by publishing Repaired objects.
	Ended      time.Time `json:"ended,omitzero"`
	Reconciled time.Time `json:"reconciled,omitzero"`
	Repaired   int       `json:"repaired"`
	// ReplayFrom and ReplayTo are the window for Svix' "replay missing" in Clerk's dashboard; ReplayTo is zero while the outage goes on.
	ReplayFrom time.Time `json:"replay_from"`
	ReplayTo   time.Time `json:"replay_to,omitzero"`
}

// Problems is one line per trouble, for /readyz and for people; none when all is well.
func (s Status) Problems() []string {
	var lines []string
	if o := s.Outage; o != nil {
		lines = append(lines, fmt.Sprintf("webhooks stopped: none is known to have come since %s; suspected cause: %s. %s",
			o.Began.UTC().Format(time.RFC3339), o.Cause, o.Advice))
	}
	for i := range s.Unrepaired {
		o := &s.Unrepaired[i]
		lines = append(lines, fmt.Sprintf("the outage from %s to %s is over, its hole is not closed yet",
			o.Began.UTC().Format(time.RFC3339), o.Ended.UTC().Format(time.RFC3339)))
	}
	for _, x := range s.Signals {
		if s.Outage == nil && (x.State == StateFailing || x.State == StateSilent) {
			lines = append(lines, fmt.Sprintf("%s is %s since %s: %s", x.Name, x.State, x.Since.UTC().Format(time.RFC3339), x.Detail))
		}
	}
	for _, x := range s.SilentTypes {
		lines = append(lines, fmt.Sprintf("no %s since %s, %.0f were to be expected: see that the endpoint is still subscribed to it",
			x.Type, x.Last.UTC().Format(time.RFC3339), x.Expected))
	}
	return lines
}
