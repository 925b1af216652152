package sentinel

import "time"

// answerKind is what an ingest's answer tells of the way to it.
type answerKind uint8

const (
	kindNone     answerKind = iota
	kindTaken               // a webhook was verified, and is on the stream
	kindSecret              //
	kindClock               //
	kindInstance            //
	kindBroker              //
	kindIngest              //
	// What anybody on the internet can cause without knowing anything: it opens no outage, and is evidence only beyond its usual rate.
	kindStripped // no, or broken, signature headers: something on the way takes them off
	kindPath     // no such path or instance
	kinds
)

// kindOf is by the codes of package ingest; a test holds it to them. What is not named (a GET, a client that hung up) tells nothing.
func kindOf(outcome string) answerKind {
	switch outcome {
	case "stored", "duplicate":
		return kindTaken
	case "signature_mismatch":
		return kindSecret
	case "timestamp_too_old", "timestamp_too_new":
		return kindClock
	case "wrong_instance":
		return kindInstance
	case "broker_unavailable", "ack_late", "append_refused", "not_ready":
		return kindBroker
	case "too_busy", "internal", "body_too_large":
		return kindIngest
	case "signature_missing", "headers_malformed", "body_timeout":
		return kindStripped
	case "not_found", "instance_unknown":
		return kindPath
	}
	return kindNone
}

func (k answerKind) cause() Cause {
	switch k {
	case kindSecret:
		return CauseSecret
	case kindClock:
		return CauseClock
	case kindInstance:
		return CauseInstance
	case kindBroker:
		return CauseBroker
	case kindIngest:
		return CauseIngest
	case kindStripped, kindPath:
		return CauseRoute
	default:
		return CauseUnknown
	}
}

// counts are of answers, by kind.
type counts [kinds]float64

// tally is what one ingest has to show.
type tally struct {
	counts counts
	// started is when the process began, in seconds since 1970, by which a restart is told even where the counters have already passed what they were.
	started float64
}

// tracker follows the counters of one ingest.
type tracker struct {
	last tally
	seen bool // last is set
	up   bool // the last look had an answer
	// answered is when the ingest last answered, or when it was first asked; taken when it last showed that it had taken a delivery since the look before, and
	// then the time of that look: nothing in front of it is missing.
	answered, taken time.Time
	looked          time.Time
	// up since; an ingest that has just come up refuses while it looks for the broker, which tells nothing of why webhooks stopped.
	upSince time.Time
	// cameUp is when it answered again after it had not, or after a restart; zero when it was up at the first look and ever since.
	cameUp time.Time
	// since counts refusals after the last delivery taken, the first of the verifiable ones seen at refused.
	since   counts
	refused time.Time
	// usual is the rate of answers per second that strangers cause.
	usual counts
}

// unanswered notes a look without an answer.
func (t *tracker) unanswered(now time.Time) {
	t.up = false
	if t.answered.IsZero() {
		t.answered = now
	}
}

// answer notes what an ingest shows. The first time only says where the counters stand. What it refuses for reasons of its own in its first settling is not
// counted.
func (t *tracker) answer(now time.Time, is tally, settling time.Duration) {
	before := t.looked
	step := t.step(is)
	first := !t.seen
	if !t.up || t.restarted(is) {
		t.upSince = now
		if !t.answered.IsZero() {
			t.cameUp = now
		}
	}
	if !first && now.Sub(t.upSince) < settling {
		step[kindBroker], step[kindIngest] = 0, 0
	}
	t.last, t.seen, t.up, t.answered, t.looked = is, true, true, now, now
	if first {
		t.taken = now
		return
	}
	if step[kindTaken] > 0 {
		t.settle(now, step)
		// It may have been taken at any time since the look before.
		t.taken, t.since, t.refused = before, counts{}, time.Time{}
		return
	}
	for k := range step {
		t.since[k] += step[k]
	}
	if t.refused.IsZero() && t.verifiable() > 0 {
		t.refused = now
	}
}

// step is what was counted since the last look. A counter that went back, or another start, is a process that began anew, and counts from 0.
func (t *tracker) step(is tally) counts {
	if !t.seen {
		return counts{}
	}
	var step counts
	for k := range step {
		step[k] = is.counts[k] - t.last.counts[k]
	}
	if t.restarted(is) {
		return is.counts
	}
	return step
}

func (t *tracker) restarted(is tally) bool {
	if !t.seen {
		return false
	}
	for k := range is.counts {
		if is.counts[k] < t.last.counts[k] {
			return true
		}
	}
	return is.started != t.last.started
}

// settle learns the rate of strangers, with a memory of about an hour, from times in which deliveries are taken.
func (t *tracker) settle(now time.Time, step counts) {
	span := now.Sub(t.taken)
	if span <= 0 {
		return
	}
	fade := min(1, span.Seconds()/time.Hour.Seconds())
	for _, k := range []answerKind{kindStripped, kindPath} {
		t.usual[k] += fade * ((t.since[k]+step[k])/span.Seconds() - t.usual[k])
	}
}

// verifiable is refusals that a passer-by does not cause.
func (t *tracker) verifiable() float64 {
	return t.since[kindSecret] + t.since[kindClock] + t.since[kindInstance] + t.since[kindBroker] + t.since[kindIngest]
}

// failing tells whether the ingest refuses, and takes nothing.
func (t *tracker) failing(now time.Time, l Limits) bool {
	return !t.refused.IsZero() && now.Sub(t.refused) >= l.RefusedFor && t.verifiable() >= float64(l.Refused)
}

// evidence is the refusals since the last delivery taken. Of what strangers cause too it is only what goes beyond three times the usual, and beyond one.
func (t *tracker) evidence() counts {
	e := t.since
	for _, k := range []answerKind{kindStripped, kindPath} {
		usual := t.usual[k] * t.looked.Sub(t.taken).Seconds()
		if e[k] < 2 || e[k] <= 3*usual {
			e[k] = 0
		}
	}
	return e
}
