package sentinel

import (
	"fmt"
	"time"
)

// judge holds everything that is known, and decides. It is handed every time, does no I/O, and is not safe for concurrent use.
type judge struct {
	instance string
	limits   Limits
	start    time.Time
	rhythm   *rhythm
	canary   canaryState
	ingests  []tracker
	probe    probed

	last       time.Time // arrival of the last webhook, by the stream
	heard      time.Time // when we read it; of the past, when it arrived
	learnt     bool      // the stream's past has been read to its end once
	current    bool      // there is nothing on the stream that we have not read, or only for a moment
	streamSeen time.Time // when the stream could last be read

	signals map[string]*Signal
	silent  []SilentType
	books
}

func newJudge(c Config, now time.Time) *judge {
	j := &judge{
		instance: c.Instance, limits: c.Limits, start: now, rhythm: newRhythm(c.Limits.Floor), canary: newCanary(c.Canary),
		ingests: make([]tracker, len(c.IngestURLs)), streamSeen: now, signals: map[string]*Signal{},
	}
	for _, name := range signalNames() {
		j.signals[name] = &Signal{Name: name, State: StateUnknown, Since: now}
	}
	j.resume(c.Unfinished)
	return j
}

// webhook notes a message of source webhook that the stream took at arrived and that was read now.
func (j *judge) webhook(typ, entity string, arrived, now time.Time) (canary bool) {
	if arrived.After(now) {
		arrived = now // the broker's clock may be ahead of ours; a time to come would hide a silence
	}
	if arrived.After(j.last) {
		j.last = arrived
	}
	// What is read of the past is no sign of life now.
	if at := arrived; j.learnt {
		j.heard = now
	} else if at.After(j.heard) {
		j.heard = at
	}
	if entity != "" && entity == j.canary.config.UserID {
		j.rhythm.heard(arrived)
		return j.learnt && j.canary.returned(now)
	}
	j.rhythm.observe(typ, arrived)
	return false
}

// stream notes whether the stream could be read just now, and whether all of it was.
func (j *judge) stream(ok, current bool, now time.Time) {
	j.current = ok && current
	if ok {
		j.streamSeen = now
	}
	if j.current {
		j.learnt = true
	}
}

// scraped notes what the i-th ingest shows; nil when it did not answer.
func (j *judge) scraped(i int, is *tally, now time.Time) {
	if is == nil {
		j.ingests[i].unanswered(now)
		return
	}
	j.ingests[i].answer(now, *is, j.limits.RefusedFor)
}

// tick judges. late says that the canary's event has just become late.
func (j *judge) tick(now time.Time) (late bool) {
	late = j.canary.check(now, j.current)
	j.judgeStream(now)
	j.judgeSilence(now)
	j.set(SignalCanary, j.canary.state, j.canary.detail, now)
	j.judgeRefusals(now)
	j.judgeIngests(now)
	if j.learnt && j.current {
		j.silent = j.rhythm.silentTypes(now)
	}
	j.follow(now)
	return late
}

func (j *judge) set(name string, s State, detail string, now time.Time) {
	x := j.signals[name]
	if x.State != s {
		x.State, x.Since = s, now
	}
	x.Detail = detail
}

func (j *judge) judgeStream(now time.Time) {
	switch away := now.Sub(j.streamSeen); {
	case away >= j.limits.Unseen:
		j.set(SignalStream, StateFailing, "it cannot be read", now)
	case !j.learnt:
		j.set(SignalStream, StateUnknown, "its past is being read", now)
	default:
		j.set(SignalStream, StateOK, "", now)
	}
}

func (j *judge) judgeSilence(now time.Time) {
	last := j.last
	if last.IsZero() || last.Before(j.start.Add(-j.limits.Learn)) {
		last = j.start
	}
	age := now.Sub(last)
	switch {
	case !j.learnt || !j.current:
		j.set(SignalSilence, StateUnknown, "the stream is not read up to its end", now)
	case age >= j.limits.MaxAge:
		j.set(SignalSilence, StateSilent, fmt.Sprintf("no webhook for %s", age.Round(time.Second)), now)
	case j.rhythm.overdue(&j.rhythm.all, now):
		j.set(SignalSilence, StateSilent, fmt.Sprintf("no webhook for %s, longer than chance explains", age.Round(time.Second)), now)
	default:
		j.set(SignalSilence, StateOK, "", now)
	}
}

func (j *judge) judgeRefusals(now time.Time) {
	if len(j.ingests) == 0 {
		j.set(SignalRefusals, StateUnknown, "no ingest is configured", now)
		return
	}
	failing, seen := 0, 0
	for i := range j.ingests {
		if j.ingests[i].seen {
			seen++
		}
		if j.ingests[i].failing(now, j.limits) {
			failing++
		}
	}
	switch {
	case failing > 0:
		j.set(SignalRefusals, StateFailing, fmt.Sprintf("%d of %d ingests refuse deliveries and take none: %s", failing, len(j.ingests), suspect(j.evidence(now))), now)
	case seen == 0:
		j.set(SignalRefusals, StateUnknown, "no ingest has answered", now)
	default:
		j.set(SignalRefusals, StateOK, "", now)
	}
}

func (j *judge) judgeIngests(now time.Time) {
	away := 0
	for i := range j.ingests {
		if t := &j.ingests[i]; !t.up && !t.answered.IsZero() && now.Sub(t.answered) >= j.limits.Unseen {
			away++
		}
	}
	switch {
	case len(j.ingests) == 0:
		j.set(SignalIngest, StateUnknown, "no ingest is configured", now)
	case away > 0:
		j.set(SignalIngest, StateFailing, fmt.Sprintf("%d of %d ingests do not answer", away, len(j.ingests)), now)
	case j.up() == 0 && j.signals[SignalIngest].State != StateOK:
		j.set(SignalIngest, StateUnknown, "not asked yet", now)
	default:
		j.set(SignalIngest, StateOK, "", now)
	}
}

func (j *judge) up() (n int) {
	for i := range j.ingests {
		if j.ingests[i].up {
			n++
		}
	}
	return n
}

func (j *judge) evidence(now time.Time) evidence {
	e := evidence{ingests: len(j.ingests), up: j.up(), probe: j.probe, streamBroken: now.Sub(j.streamSeen) >= j.limits.Unseen}
	for i := range j.ingests {
		for k, n := range j.ingests[i].evidence() {
			e.refused[k] += n
		}
		if j.ingests[i].up && j.awaited(&j.ingests[i], now) {
			e.awaited++
		}
	}
	e.flowing = j.open != nil && j.heard.After(j.open.Noticed)
	return e
}

// awaited tells whether a webhook would have come to an ingest by now, had one been sent. To one that has come up just now none is sent before the next touch,
// and what Svix tries again comes later still.
func (j *judge) awaited(t *tracker, now time.Time) bool {
	if j.canary.config.UserID == "" {
		return t.cameUp.IsZero() || now.Sub(t.cameUp) >= j.limits.RefusedFor
	}
	return t.cameUp.IsZero() || j.canary.late.After(t.cameUp)
}

// troubles are the signals that make an outage.
func (j *judge) troubles() []string {
	var names []string
	for _, name := range []string{SignalSilence, SignalCanary, SignalRefusals} {
		if s := j.signals[name].State; s == StateSilent || s == StateFailing {
			names = append(names, name)
		}
	}
	return names
}

// began is the last time at which everything is known to have come, by each signal that says it does not.
func (j *judge) began(now time.Time) time.Time {
	began := j.last
	if began.IsZero() {
		began = j.start.Add(-j.limits.Learn)
	}
	if j.canary.state == StateFailing {
		began = earlier(began, j.canary.good())
	}
	for i := range j.ingests {
		if t := &j.ingests[i]; t.failing(now, j.limits) {
			began = earlier(began, t.taken)
		}
	}
	return began
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
