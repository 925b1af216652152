package clerksim

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// letter is one message on its way. It belongs to the scheduler, and to one worker while that makes an attempt.
type letter struct {
	Message
	r        *rand.Rand    // decides this letter's faults and jitter, whatever the others do
	attempts int           // attempts begun
	lost     int           // coming attempts that are lost on the wire
	gate     int           // not delivered before so many first attempts were begun
	due      time.Duration // since the run began
	signed   time.Time     // of the attempt that was accepted
	copies   []again       // to be delivered once more after acceptance
	repeat   bool          // is such a copy
}

// again is a delivery of something that was accepted before.
type again struct {
	others int           // first attempts that come between
	gap    time.Duration // least time between
}

// planner gives out first attempts, in an order that depends on nothing but the seed and the messages.
type planner struct {
	cfg    SenderConfig
	source func() (Message, bool)
	held   backlog // held back behind others, by the position that lets them go
	drawn  int
	done   bool // source is empty
	report *SendReport
}

// take returns the next letter that has never been attempted, nil at the end.
func (p *planner) take() *letter {
	for {
		if l := p.held.popUntil(int64(p.drawn)); l != nil {
			return l
		}
		if p.done {
			return p.held.pop()
		}
		m, ok := p.source()
		if !ok {
			p.done = true
			continue
		}
		l, hold := p.address(m)
		p.drawn++
		p.report.Messages++
		if hold == 0 {
			return l
		}
		p.report.Reordered++
		p.held.push(int64(p.drawn+hold), l)
	}
}

// address decides everything that will go wrong with a message, and behind how many others it is held back.
func (p *planner) address(m Message) (l *letter, hold int) {
	r := rand.New(rand.NewPCG(p.cfg.Seed, uint64(p.drawn)))
	l = &letter{Message: m, r: r}
	if r.Float64() < p.cfg.ReorderRate {
		hold = 1 + r.IntN(20)
	}
	if r.Float64() < p.cfg.LateRate {
		// Far enough back that newer messages of the same object have gone before, however fast the endpoint is.
		l.lost, l.gate = 1+r.IntN(3), p.drawn+50+r.IntN(1000)
		p.report.Late++
	}
	if r.Float64() < p.cfg.DuplicateRate {
		if r.IntN(2) == 0 {
			l.copies = append(l.copies, again{others: r.IntN(5)})
		} else {
			l.copies = append(l.copies, again{others: 200 + r.IntN(1000), gap: 2*time.Hour + 10*time.Minute + time.Duration(r.Int64N(int64(4*time.Hour)))})
		}
	}
	return l, hold
}

// backlog is letters by a number, the lowest first; equal numbers keep their order.
type backlog struct {
	entries []entry
	pushed  int
}

type entry struct {
	key    int64
	order  int
	letter *letter
}

func (b *backlog) Len() int { return len(b.entries) }
func (b *backlog) Less(i, j int) bool {
	x, y := b.entries[i], b.entries[j]
	return x.key < y.key || x.key == y.key && x.order < y.order
}
func (b *backlog) Swap(i, j int) { b.entries[i], b.entries[j] = b.entries[j], b.entries[i] }
func (b *backlog) Push(x any)    { b.entries = append(b.entries, x.(entry)) }
func (b *backlog) Pop() any {
	last := len(b.entries) - 1
	x := b.entries[last]
	b.entries[last] = entry{}
	b.entries = b.entries[:last]
	return x
}

func (b *backlog) push(key int64, l *letter) {
	b.pushed++
	heap.Push(b, entry{key, b.pushed, l})
}

// pop takes the first, nil if there is none.
func (b *backlog) pop() *letter {
	if len(b.entries) == 0 {
		return nil
	}
	return heap.Pop(b).(entry).letter
}

// popUntil takes the first if its number is at most limit.
func (b *backlog) popUntil(limit int64) *letter {
	if len(b.entries) == 0 || b.entries[0].key > limit {
		return nil
	}
	return b.pop()
}
