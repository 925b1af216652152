package clerksim

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxWaiting bounds the letters that wait for a retry, beside those of an outage: when the endpoint refuses everything the sender stops
// drawing messages rather than keep a whole history in memory.
const maxWaiting = 20_000

const progressEvery = 200 * time.Millisecond

// run is one Send: a scheduler, which owns all of this, and workers, which see the channels only.
type run struct {
	sender  *Sender
	plan    planner
	start   time.Time
	waiting backlog // next attempt by the time it is due
	gated   backlog // next attempt by the number of first attempts that must have been begun
	next    *letter // chosen, waits for a worker
	begun   int     // first attempts begun
	ended   bool    // no first attempt is left

	inFlight int
	work     chan *letter
	results  chan result // holds one per worker, so that no worker ever waits to hand in

	report  SendReport
	latency histogram
	told    time.Duration // last Progress
}

func newRun(s *Sender, next func() (Message, bool)) *run {
	r := &run{sender: s, start: time.Now(), work: make(chan *letter), results: make(chan result, s.cfg.Concurrency)}
	r.plan = planner{cfg: s.cfg, source: next, report: &r.report}
	return r
}

func (r *run) run(ctx context.Context) (SendReport, error) {
	var workers sync.WaitGroup
	for range r.sender.cfg.Concurrency {
		workers.Go(func() {
			for l := range r.work {
				r.results <- r.sender.deliver(ctx, l)
			}
		})
	}
	err := r.schedule(ctx)
	close(r.work)
	workers.Wait()
	close(r.results)
	for out := range r.results {
		if out.accepted() { // answered while ctx ended: acknowledged is acknowledged
			r.settle(out)
		}
	}
	if r.sender.cfg.Client.Transport != nil {
		r.sender.cfg.Client.CloseIdleConnections()
	}
	r.tell(true)
	if err != nil {
		err = fmt.Errorf("send: stopped with %d of %d messages not accepted: %w", r.report.Messages-r.report.Accepted, r.report.Messages, err)
	}
	return r.report, err
}

// schedule hands letters to workers until nothing is left to do.
func (r *run) schedule(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if r.next == nil {
			r.next = r.choose(ctx)
		}
		var work chan<- *letter
		if r.next != nil {
			work = r.work
		} else if r.done() {
			return nil
		}
		timer.Reset(r.untilDue())
		select {
		case work <- r.next:
			r.inFlight++
			r.report.Deliveries++
			r.next = nil
		case out := <-r.results:
			r.inFlight--
			r.settle(out)
		case <-r.sender.cfg.More:
			r.ended, r.plan.done = false, false
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (r *run) done() bool {
	return r.sender.cfg.More == nil && r.ended && r.inFlight == 0 && r.waiting.Len()+r.gated.Len() == 0
}

// choose returns the next letter whose attempt reaches the endpoint: a due retry, or else a first attempt. Attempts that are lost are made
// here, for they cost nothing but their place in the schedule.
func (r *run) choose(ctx context.Context) *letter {
	for ctx.Err() == nil {
		l := r.dueRetry()
		if l == nil {
			l = r.firstAttempt()
		}
		if l == nil {
			return nil
		}
		l.attempts++
		if l.attempts > 1 {
			r.report.Retries++
		}
		if l.lost == 0 && !r.outage() {
			return l
		}
		l.lost = max(0, l.lost-1)
		r.report.Unreached++
		r.retry(l, result{})
	}
	return nil
}

func (r *run) since() time.Duration { return time.Since(r.start) }

func (r *run) dueRetry() *letter {
	for l := r.openGate(); l != nil; l = r.openGate() {
		l.due = max(l.due, r.since()) // it was not due before, and its latency begins here
		r.waiting.push(int64(l.due), l)
	}
	return r.waiting.popUntil(int64(r.since()))
}

// openGate returns a letter that has waited for enough others. When no others will come it has waited enough.
func (r *run) openGate() *letter {
	if r.ended {
		return r.gated.pop()
	}
	return r.gated.popUntil(int64(r.begun))
}

// paced is when the next first attempt is due.
func (r *run) paced() time.Duration {
	if r.sender.cfg.Rate == 0 {
		return 0
	}
	return time.Duration(float64(r.begun) / r.sender.cfg.Rate * float64(time.Second))
}

func (r *run) full() bool {
	limit := maxWaiting
	if o := r.sender.cfg.Outage; o != nil {
		limit += o.To - o.From
	}
	return r.waiting.Len()+r.gated.Len() >= limit
}

func (r *run) firstAttempt() *letter {
	due := r.paced()
	if r.ended || due > r.since() || r.full() {
		return nil
	}
	l := r.plan.take()
	if l == nil {
		r.ended = true
		return r.dueRetry()
	}
	r.begun++
	l.due = due
	return l
}

// outage is true while the newest first attempt lies in the stretch.
func (r *run) outage() bool {
	o := r.sender.cfg.Outage
	return o != nil && !r.ended && r.begun > o.From && r.begun <= o.To
}

// untilDue is how long nothing will happen by itself.
func (r *run) untilDue() time.Duration {
	wait := time.Hour
	if r.waiting.Len() > 0 {
		wait = min(wait, time.Duration(r.waiting.entries[0].key)-r.since())
	}
	if !r.ended && !r.full() {
		wait = min(wait, r.paced()-r.since())
	}
	if r.next != nil { // whatever is due has to wait for a worker
		return time.Hour
	}
	return max(0, wait)
}

// retry puts the letter back for another attempt, or gives it up.
func (r *run) retry(l *letter, out result) {
	pause, more := r.sender.schedule.pause(l.attempts, l.r, out)
	if !more || out.abort {
		if !l.repeat {
			r.report.GivenUp++
			out.endpoint.countGivenUp()
		}
		return
	}
	l.due = r.since() + pause
	if l.lost == 0 && l.gate > r.begun && !r.ended {
		r.gated.push(int64(l.gate), l)
		return
	}
	r.waiting.push(int64(l.due), l)
}

// settle books the result of a delivery.
func (r *run) settle(out result) {
	defer r.tell(false)
	l := out.letter
	if out.endpoint.Off {
		r.drop(out)
		return
	}
	if !out.accepted() {
		r.report.Refused++
		r.retry(l, out)
		return
	}
	took := out.took
	if r.sender.cfg.Rate > 0 {
		took = max(took, r.since()-l.due)
	}
	r.latency.add(took)
	if l.repeat {
		r.report.Duplicates++
		return
	}
	r.report.Accepted++
	if r.sender.cfg.OnAck != nil {
		r.sender.cfg.OnAck(l.Message, out.ended)
	}
	for _, c := range l.copies {
		r.gated.push(int64(r.begun+c.others), &letter{
			Message: l.Message, r: l.r, signed: out.signed, repeat: true, due: r.since() + r.sender.schedule.shorten(c.gap),
		})
	}
}

// drop forgets a message that was due while the endpoint was off. Nothing was sent.
func (r *run) drop(out result) {
	r.report.Deliveries--
	if !out.letter.repeat {
		r.report.Dropped++
		out.endpoint.countDropped()
	}
}

func (r *run) tell(last bool) {
	now := r.since()
	if !last && now-r.told < progressEvery {
		return
	}
	r.told = now
	r.report.Latency, r.report.Elapsed = r.latency.latency(), now
	if r.sender.cfg.Progress != nil {
		r.sender.cfg.Progress(r.report)
	}
}
