package sentinel

import (
	"context"
	"slices"
	"testing"
	"time"
)

// clock is a world in which a judge lives by the second.
type clock struct {
	*judge
	t   testing.TB
	now time.Time
}

func newClock(t testing.TB, change func(*Config)) *clock {
	t.Helper()
	c := Config{
		Instance: "prod", IngestURLs: []string{"http://a:9090"}, Canary: Canary{UserID: "user_canary", Touch: func(context.Context) error { return nil }},
	}
	if change != nil {
		change(&c)
	}
	c = c.withDefaults()
	x := &clock{t: t, now: monday.Add(9 * time.Hour), judge: newJudge(c, monday.Add(9*time.Hour))}
	x.stream(true, true, x.now)
	x.judge.webhook("user.updated", "user_1", x.now, x.now)
	return x
}

// pass lets time go on second by second; each happens in every one.
func (x *clock) pass(d time.Duration, each ...func()) {
	for end := x.now.Add(d); x.now.Before(end); {
		x.now = x.now.Add(time.Second)
		x.stream(true, true, x.now)
		if x.canary.due(x.now) {
			x.canary.begin(x.now)
		}
		for _, do := range each {
			do()
		}
		x.tick(x.now)
	}
}

// flows is Clerk whose canary comes back, and an ingest that takes it.
func (x *clock) flows() {
	if !x.canary.pending.IsZero() {
		x.judge.webhook("user.updated", "user_canary", x.now, x.now)
		x.answers(kindTaken, 1)
		return
	}
	x.answers(kindTaken, 0)
}

// answers is the first ingest's.
func (x *clock) answers(k answerKind, n float64) {
	is := x.ingests[0].last
	is.counts[k] += n
	x.scraped(0, &is, x.now)
}

func (x *clock) refuses(k answerKind) func() { return func() { x.answers(k, 1) } }

func (x *clock) expectNoOutage(when string) {
	x.t.Helper()
	if x.open != nil {
		x.t.Errorf("%s: an outage by %v, suspected %s", when, x.open.Signals, x.open.Cause)
	}
}

func (x *clock) expectOutage(when string, c Cause) {
	x.t.Helper()
	if x.open == nil {
		x.t.Fatalf("%s: no outage is reported", when)
	}
	if x.open.Cause != c {
		x.t.Errorf("%s: the suspected cause is %s, want %s", when, x.open.Cause, c)
	}
}

func TestEachCauseIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// happens each second while no canary comes back
		happens func(x *clock) func()
		cause   Cause
	}{
		{"other secret", func(x *clock) func() { return x.refuses(kindSecret) }, CauseSecret},
		{"clock", func(x *clock) func() { return x.refuses(kindClock) }, CauseClock},
		{"other instance", func(x *clock) func() { return x.refuses(kindInstance) }, CauseInstance},
		{"broker away", func(x *clock) func() { return x.refuses(kindBroker) }, CauseBroker},
		{"ingest fails", func(x *clock) func() { return x.refuses(kindIngest) }, CauseIngest},
		{"wrong path", func(x *clock) func() { return x.refuses(kindPath) }, CauseRoute},
		{"proxy strips headers", func(x *clock) func() { return x.refuses(kindStripped) }, CauseRoute},
		{"nothing is sent", func(x *clock) func() { return x.refuses(kindNone) }, CauseEndpoint},
		{"public address is somebody else's", func(x *clock) func() {
			return func() { x.answers(kindNone, 0); x.probe = probeElse }
		}, CauseRoute},
		{"no ingest answers", func(x *clock) func() { return func() { x.scraped(0, nil, x.now) } }, CauseIngest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newClock(t, nil)
			x.pass(time.Hour, x.flows)
			x.expectNoOutage("while webhooks come")
			stopped := x.now
			x.pass(x.canary.config.Every+x.canary.config.Limit+time.Second, c.happens(x))
			x.expectOutage("when they stopped", c.cause)
			if advice := x.status(x.now).Outage.Advice; advice == "" {
				t.Error("there is no advice")
			}
			if x.open.Began.After(stopped) || stopped.Sub(x.open.Began) > x.canary.config.Every+time.Second {
				t.Errorf("the outage began %s before webhooks stopped", stopped.Sub(x.open.Began))
			}
			x.pass(x.canary.config.Every, x.flows)
			x.expectNoOutage("when they come again")
			if from, due := x.toRepair(); !due || from.After(stopped) {
				t.Errorf("repair from %s, due %v; webhooks stopped at %s", from, due, stopped)
			}
		})
	}
}

func TestAnIngestThatComesUpDoesNotTurnTheCauseIntoTheEndpoint(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	x.pass(time.Hour, x.flows)
	x.pass(x.canary.config.Every+x.canary.config.Limit+time.Second, func() { x.scraped(0, nil, x.now) })
	x.expectOutage("no ingest answers", CauseIngest)
	// It is up again, and no touch has been made since.
	x.canary.begin(x.now)
	x.pass(x.canary.config.Limit/2, func() { x.probe = probeIngest; x.answers(kindNone, 0) })
	x.expectOutage("when it has come up", CauseIngest)
	x.pass(3*x.canary.config.Limit, func() { x.answers(kindNone, 0) })
	x.expectOutage("when it is up, and a touch since then has not come", CauseEndpoint)
}

func TestWithoutASignalNothingIsReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Config)
		cause  Cause // none: no outage
	}{
		{"neither canary nor ingests", func(c *Config) { c.Canary.UserID, c.IngestURLs = "", nil }, CauseNone},
		{"no ingests", func(c *Config) { c.IngestURLs = nil }, CauseUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newClock(t, c.change)
			x.pass(2 * time.Hour)
			if c.cause == CauseNone {
				x.expectNoOutage("for two hours")
				return
			}
			x.expectOutage("after two hours", c.cause)
		})
	}
}

func TestSilenceBeyondTheGreatestAgeIsReportedWhateverWasLearnt(t *testing.T) {
	t.Parallel()
	x := newClock(t, func(c *Config) { c.Canary.UserID = "" })
	x.pass(x.limits.MaxAge-time.Minute, func() { x.answers(kindNone, 0) })
	x.expectNoOutage("before the limit")
	x.pass(2*time.Minute, func() { x.answers(kindNone, 0) })
	x.expectOutage("after the limit", CauseEndpoint)
	if !slices.Equal(x.open.Signals, []string{SignalSilence}) {
		t.Errorf("the signals are %v", x.open.Signals)
	}
}

func TestStrangersOpenNoOutageAndAreNoEvidence(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	scanners := x.refuses(kindPath)
	x.pass(3*time.Hour, scanners, x.flows)
	x.expectNoOutage("while scanners knock and webhooks come")
	x.pass(x.canary.config.Every+x.canary.config.Limit+time.Second, scanners)
	x.expectOutage("while scanners knock and nothing is sent", CauseEndpoint)
}

func TestOneOfTwoIngestsWithAnotherSecretIsReported(t *testing.T) {
	t.Parallel()
	x := newClock(t, func(c *Config) { c.IngestURLs = []string{"http://a:9090", "http://b:9090"} })
	second := func(k answerKind) func() {
		return func() {
			is := x.ingests[1].last
			is.counts[k]++
			x.scraped(1, &is, x.now)
		}
	}
	x.pass(time.Hour, x.flows, second(kindTaken))
	wrong := x.now
	x.pass(2*time.Minute, x.flows, second(kindSecret))
	x.expectOutage("one of two refuses", CauseSecret)
	if x.open.Began.After(wrong) {
		t.Errorf("the outage began at %s, after the ingest's last good delivery at %s", x.open.Began, wrong)
	}
	x.pass(2*x.canary.config.Every, x.flows, second(kindTaken))
	x.expectNoOutage("when both take")
}

func TestARestartedIngestIsNoOutage(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	x.pass(time.Hour, x.flows)
	x.scraped(0, &tally{started: 1}, x.now)
	if n := x.ingests[0].verifiable(); n != 0 {
		t.Errorf("%v refusals are seen in a restart", n)
	}
	x.pass(time.Minute, x.flows)
	x.expectNoOutage("after a restart")
}

func TestWhatARestartedIngestRefusedBeforeTheFirstLookCounts(t *testing.T) {
	t.Parallel()
	var x tracker
	old, again := tally{started: 1}, tally{started: 2}
	old.counts[kindSecret], again.counts[kindSecret] = 5, 7
	x.answer(monday, old, 0)
	x.answer(monday.Add(time.Second), again, 0)
	if n := x.since[kindSecret]; n != 7 {
		t.Errorf("%v refusals are seen of a process that began anew, want 7", n)
	}
}

func TestAnIngestThatHasJustComeUpIsNotYetBelievedAboutItsBroker(t *testing.T) {
	t.Parallel()
	var x tracker
	var is tally
	look := func(after time.Duration, k answerKind) {
		is.counts[k] += 3
		x.answer(monday.Add(after), is, time.Minute)
	}
	look(0, kindNone)
	x.unanswered(monday.Add(time.Hour))
	look(2*time.Hour, kindBroker)
	look(2*time.Hour+30*time.Second, kindSecret)
	if x.since[kindBroker] != 0 || x.since[kindSecret] != 3 {
		t.Errorf("when it has just come up %v are seen", x.since)
	}
	if look(2*time.Hour+time.Minute, kindBroker); x.since[kindBroker] != 3 {
		t.Errorf("control: a minute later %v are seen", x.since)
	}
}

func TestWhatCannotBeSeenIsNotSilence(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	x.pass(time.Hour, x.flows)
	x.canary.begin(x.now)
	for range 3 * 24 * 60 {
		x.now = x.now.Add(time.Minute)
		x.stream(false, false, x.now)
		x.tick(x.now)
	}
	x.expectNoOutage("while the stream cannot be read")
	if s := x.signals[SignalStream]; s.State != StateFailing {
		t.Errorf("the stream is %s", s.State)
	}
}

func TestACanaryThatClerkRefusesIsNoOutage(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	x.pass(time.Hour, x.flows)
	x.pass(time.Hour, func() { x.canary.refused() })
	x.expectNoOutage("while Clerk refuses the touch")
	if x.canary.state != StateUnknown {
		t.Errorf("the canary is %s", x.canary.state)
	}
}

func TestAnOutageOfAnEarlierRunIsEndedAndRepaired(t *testing.T) {
	t.Parallel()
	old := Outage{ID: 7, Began: monday, Noticed: monday.Add(time.Hour), Cause: CauseSecret, Signals: []string{SignalCanary}}
	over := Outage{ID: 6, Began: monday.Add(-9 * time.Hour), Noticed: monday.Add(-8 * time.Hour), Ended: monday.Add(-7 * time.Hour), Cause: CauseClock}
	x := newClock(t, func(c *Config) { c.Unfinished = []Outage{old, over} })
	if n := len(x.unwritten()); n != 0 {
		t.Errorf("%d outages are written again", n)
	}
	x.pass(10*time.Minute, x.flows)
	x.expectNoOutage("webhooks come")
	from, due := x.toRepair()
	if !due || !from.Equal(over.Began.Add(-x.limits.Margin)) {
		t.Fatalf("repair from %s, due %v", from, due)
	}
	began := x.now
	x.pass(time.Minute, x.flows)
	if n := x.repaired(began, x.now, 12); n != 2 || x.lastClosed.ID != 7 || len(x.unrepaired) != 0 {
		t.Errorf("%d outages were closed, %v last", n, x.lastClosed)
	}
	total := 0
	for _, e := range x.unwritten() {
		total += e.Repaired
		x.written(e, e.ID, e.revision)
	}
	if total != 12 || len(x.closed) != 0 {
		t.Errorf("%d objects are booked on the outages, and %d are unwritten", total, len(x.closed))
	}
}

func TestARepairThatBeganBeforeTheEndClosesNothing(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	x.pass(time.Hour, x.flows)
	began := x.now
	x.pass(10*time.Minute, x.refuses(kindSecret))
	x.pass(10*time.Minute, x.flows)
	x.expectNoOutage("webhooks come")
	if n := x.repaired(began, x.now, 0); n != 0 || len(x.unrepaired) != 1 {
		t.Errorf("a repair that began before the outage closed it")
	}
}

func TestOutagesThatNobodyRepairsAreBounded(t *testing.T) {
	t.Parallel()
	x := newClock(t, nil)
	for range 3 * maxUnrepaired {
		x.pass(2*time.Minute, x.refuses(kindSecret))
		x.pass(6*time.Minute, x.flows)
	}
	if n := len(x.unrepaired); n != maxUnrepaired {
		t.Errorf("%d outages wait, want %d", n, maxUnrepaired)
	}
	if last := x.unrepaired[maxUnrepaired-1]; x.now.Sub(last.Ended) > 10*time.Minute {
		t.Errorf("the last one ended at %s, at %s more of them had", last.Ended, x.now)
	}
}
