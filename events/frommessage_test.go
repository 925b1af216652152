package events_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/events"
)

// stored is an ordinary event as a reader finds it.
func stored(t *testing.T) (want events.Event, header map[string][]string) {
	t.Helper()
	want = take(t, "user.updated")
	return want, maps.Clone(map[string][]string(want.Header()))
}

// TestAnotherRuleComputesTheVersionAgain: a reader never trusts a version that it could not have made itself.
func TestAnotherRuleComputesTheVersionAgain(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(map[string][]string){
		"a newer rule": func(h map[string][]string) { h[events.HeaderVersionRule] = []string{"2"} },
		"no rule":      func(h map[string][]string) { delete(h, events.HeaderVersionRule) },
		"another grammar": func(h map[string][]string) {
			h[events.HeaderVersionRule] = []string{"2"}
			h[events.HeaderVersion] = []string{"v2:7"}
		},
		"no version": func(h map[string][]string) { delete(h, events.HeaderVersionRule); delete(h, events.HeaderVersion) },
		"a wrong version": func(h map[string][]string) {
			h[events.HeaderVersionRule] = []string{"2"}
			h[events.HeaderVersion] = []string{"0000.1.999999999999999.999999999999999.99.msg_x"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, header := stored(t)
			edit(header)
			got, err := events.FromMessage(want.Subject(), header, want.Body)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestOurRuleTrustsTheHeader(t *testing.T) {
	t.Parallel()
	want, header := stored(t)
	want.Version = "0000.0.000000000000007.000000000000008.09.msg_sample"
	header[events.HeaderVersion] = []string{string(want.Version)}
	if got, err := events.FromMessage(want.Subject(), header, want.Body); err != nil || got.Version != want.Version {
		t.Errorf("got %s (%v), want %s", got.Version, err, want.Version)
	}
}

// TestAnEpochOutlivesItsRule: a restore wrote it, and no body can tell it again.
func TestAnEpochOutlivesItsRule(t *testing.T) {
	t.Parallel()
	want, header := stored(t)
	parts, err := want.Version.Parse()
	if err != nil {
		t.Fatal(err)
	}
	parts.Epoch = 3
	header[events.HeaderVersion] = []string{string(parts.Version())}
	header[events.HeaderVersionRule] = []string{"2"}
	if got, err := events.FromMessage(want.Subject(), header, want.Body); err != nil || got.Version != parts.Version() {
		t.Errorf("got %s (%v), want %s", got.Version, err, parts.Version())
	}
}

func TestFromMessageTrustsTheSubject(t *testing.T) {
	t.Parallel()
	want, header := stored(t)
	header[events.HeaderType] = []string{"organization.deleted"}
	header[events.HeaderSubject] = []string{"org_1"}
	header[events.HeaderUnrouted] = []string{"no_id"}
	got, err := events.FromMessage(want.Subject(), header, want.Body)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestAMessageWithoutTimesIsStillAFact(t *testing.T) {
	t.Parallel()
	want, header := stored(t)
	delete(header, events.HeaderTime)
	header[events.HeaderReceived] = []string{"yesterday"}
	got, err := events.FromMessage(want.Subject(), header, want.Body)
	if err != nil || !got.Time.IsZero() || !got.Received.IsZero() || got.Version != want.Version {
		t.Errorf("%v: %+v", err, got)
	}
	if got.ClockAhead() {
		t.Error("nothing can run ahead of an unknown moment")
	}
}

func TestFromMessageRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		subject string
		edit    func(map[string][]string)
		want    string
	}{
		"no id":             {"clerk.prod.user.user_1.updated", func(h map[string][]string) { delete(h, events.HeaderID) }, "ce-id"},
		"a foreign subject": {"orders.created", func(map[string][]string) {}, "msg_sample"},
		"a broken version":  {"clerk.prod.user.user_1.updated", func(h map[string][]string) { h[events.HeaderVersion] = []string{"7"} }, "msg_sample"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, header := stored(t)
			tc.edit(header)
			if _, err := events.FromMessage(tc.subject, header, e.Body); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one naming %s", err, tc.want)
			}
		})
	}
}

// TestAnUnroutedMessageOfAnotherWriter has no reason in its header; it stays readable.
func TestAnUnroutedMessageOfAnotherWriter(t *testing.T) {
	t.Parallel()
	got, err := events.FromMessage("clerk.staging.unrouted."+idHash, map[string][]string{"ce-id": {"msg_sample"}}, nil)
	if err != nil || got.Unrouted != events.ReasonNoType || got.Instance != "staging" || got.Subject() != "clerk.staging.unrouted."+idHash {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestClockAhead(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"user.updated":                  false,
		"user.updated.clock-ahead":      true,
		"user.updated.clock-ahead-data": true,
		"user.updated.huge-clock":       true,
		"user.created.seconds":          false,
		"envelope.timestamp-nonsense":   false,
		"envelope.not-json":             false,
	} {
		if e := take(t, name); e.ClockAhead() != want {
			t.Errorf("%s: %t", name, e.ClockAhead())
		}
	}
}

// TestTheLeadIsADay: up to it a clock is believed, a millisecond more is refused.
func TestTheLeadIsADay(t *testing.T) {
	t.Parallel()
	e := takeBody([]byte(`{"type":"user.updated","timestamp":1788516000000,"data":{"id":"user_1","updated_at":1788516000000}}`)) // received + 24 h
	if e.ClockAhead() {
		t.Error("a clock 24 h ahead was refused")
	}
	e = takeBody([]byte(`{"type":"user.updated","timestamp":1788516000001,"data":{"id":"user_1","updated_at":1788516000000}}`))
	if !e.ClockAhead() {
		t.Error("a clock 24 h and 1 ms ahead was believed")
	}
}
