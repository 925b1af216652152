package sentinel

import (
	"slices"
	"time"
)

// maxUnrepaired bounds the outages whose repair is awaited. More become one with the last: a repair goes back to the first of them in any case.
const maxUnrepaired = 32

// entry is an outage and how much of it was written down.
type entry struct {
	Outage
	revision, recorded int
}

func (e *entry) change() { e.revision++ }

// books are the outages that are not closed yet.
type books struct {
	open       *entry   // goes on
	unrepaired []*entry // over, oldest first
	closed     []*entry // their hole is closed; here until that is written down
	lastClosed *Outage
	opened     func(Cause)
}

// resume takes up what an earlier run has left.
func (j *judge) resume(unfinished []Outage) {
	for _, o := range unfinished {
		o.Signals = slices.Clone(o.Signals)
		e := &entry{Outage: o}
		if !o.Ended.IsZero() {
			j.unrepaired = append(j.unrepaired, e)
			continue
		}
		if j.open == nil {
			j.open = e
			continue
		}
		// One outage at a time: an older one without an end is over where the next began.
		first, second := j.open, e
		if second.Began.Before(first.Began) {
			first, second = second, first
		}
		first.Ended = second.Noticed
		first.change()
		j.unrepaired, j.open = append(j.unrepaired, first), second
	}
	slices.SortFunc(j.unrepaired, func(a, b *entry) int { return a.Began.Compare(b.Began) })
}

// follow opens, updates and ends the outage.
func (j *judge) follow(now time.Time) {
	troubles := j.troubles()
	switch {
	case j.open == nil && len(troubles) > 0:
		j.open = &entry{Outage: Outage{Began: j.began(now), Noticed: now, Signals: troubles}, revision: 1}
		j.open.Cause = suspect(j.evidence(now))
		if j.opened != nil {
			j.opened(j.open.Cause)
		}
	case j.open == nil:
		return
	case len(troubles) == 0 && j.recovered():
		j.end(now)
		return
	}
	o := j.open
	if began := j.began(now); began.Before(o.Began) && len(troubles) > 0 {
		o.Began = began
		o.change()
	}
	for _, name := range troubles {
		if !slices.Contains(o.Signals, name) {
			o.Signals = append(slices.Clone(o.Signals), name)
			o.change()
		}
	}
	// Once webhooks come again what ingests say is no longer about the outage, unless one of them still refuses: what was suspected stays.
	e := j.evidence(now)
	if c := suspect(e); c != o.Cause && c != CauseUnknown && (!e.flowing || e.refused != counts{}) {
		o.Cause = c
		o.change()
	}
	o.Advice = advice(o.Cause, e)
}

// recovered tells whether webhooks are seen to come again. A canary that told of the outage must have come back, also when the outage is an earlier run's and
// this one's canary has told nothing yet.
func (j *judge) recovered() bool {
	canary := j.canary.config.UserID == "" || j.canary.state == StateOK || !slices.Contains(j.open.Signals, SignalCanary)
	return canary && j.learnt && j.current && j.heard.After(j.open.Noticed)
}

func (j *judge) end(now time.Time) {
	o := j.open
	o.Ended, j.open, j.probe = now, nil, probeNone
	o.change()
	if n := len(j.unrepaired); n >= maxUnrepaired {
		j.unrepaired[n-1].Ended = now
		j.unrepaired[n-1].change()
		return
	}
	j.unrepaired = append(j.unrepaired, o)
}

// toRepair is from when on to repair; false when nothing is to be.
func (j *judge) toRepair() (from time.Time, ok bool) {
	if len(j.unrepaired) == 0 {
		return time.Time{}, false
	}
	from = j.unrepaired[0].Began
	for _, e := range j.unrepaired {
		from = earlier(from, e.Began)
	}
	return from.Add(-j.limits.Margin), true
}

// repaired closes every outage that had ended when the repair began. The objects are booked on the first.
func (j *judge) repaired(began, now time.Time, objects int) (n int) {
	j.unrepaired = slices.DeleteFunc(j.unrepaired, func(e *entry) bool {
		if e.Ended.After(began) {
			return false
		}
		e.Reconciled, e.Repaired, objects = now, objects, 0
		e.change()
		j.closed = append(j.closed, e)
		o := j.shown(e)
		j.lastClosed = &o
		n++
		return true
	})
	return n
}

// unwritten are the outages that are not written down as they are.
func (j *judge) unwritten() []*entry {
	var all []*entry
	for _, list := range [][]*entry{j.unrepaired, j.closed, {j.open}} {
		for _, e := range list {
			if e != nil && e.recorded != e.revision {
				all = append(all, e)
			}
		}
	}
	return all
}

// written notes that revision was written down under id.
func (j *judge) written(e *entry, id int64, revision int) {
	e.ID, e.recorded = id, revision
	j.closed = slices.DeleteFunc(j.closed, func(e *entry) bool { return e.recorded == e.revision })
}

// shown is an entry for others.
func (j *judge) shown(e *entry) Outage {
	o := e.Outage
	o.Signals = slices.Clone(o.Signals)
	o.ReplayFrom, o.ReplayTo = o.Began.Add(-j.limits.Margin), o.Ended
	return o
}

// maxShown bounds the silent types that are shown.
const maxShown = 20

func (j *judge) status(now time.Time) Status {
	s := Status{
		Instance: j.instance, At: now, Learning: !j.learnt, LastWebhook: j.last, LastClosed: j.lastClosed,
		SilentTypes: slices.Clone(j.silent[:min(len(j.silent), maxShown)]),
	}
	for _, name := range signalNames() {
		s.Signals = append(s.Signals, *j.signals[name])
	}
	if j.open != nil {
		o := j.shown(j.open)
		s.Outage = &o
	}
	for _, e := range j.unrepaired {
		s.Unrepaired = append(s.Unrepaired, j.shown(e))
	}
	return s
}
