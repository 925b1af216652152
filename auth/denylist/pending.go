package denylist

import (
	"math"
	"sync"

	"github.com/clerkstream/clerkstream/internal/changefeed"
)

// pending is what the feed told of and nobody has read yet. The listener adds, the applier takes all at once: however far it is behind, what
// waits is no longer than the list may be, and one read later it waits no more.
type pending struct {
	most int
	// wake has an element while something waits.
	wake chan struct{}

	mu sync.Mutex
	// at is when each subject changed last, in ms since 1970.
	at       map[subject]int64
	sequence uint64
}

func newPending(most int) pending {
	return pending{most: most, wake: make(chan struct{}, 1), at: map[subject]int64{}}
}

// add notes the changes of a notice. It returns false when only a flush does them justice: there are too many, or one of them does not say whose it is.
func (p *pending) add(n *changefeed.Notice) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sequence = max(p.sequence, n.Sequence)
	if n.Flush {
		return false
	}
	for k, readModel := range []string{kindUser: "users", kindSession: "sessions", kindOrg: "organizations"} {
		for i, id := range n.Changes[readModel] {
			p.note(subject{kind: kind(k), id: id}, n, readModel, i)
		}
	}
	const members = "organization_memberships"
	for i := range n.Changes[members] {
		related := n.RelatedTo(members, i)
		if len(related) < 2 {
			return false
		}
		p.note(subject{kindMember, related[0], related[1]}, n, members, i)
	}
	if len(p.at) > p.most {
		return false
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return true
}

// unknownTime is the at of a change whose notice names no time. It counts from when it is read, for it was not later.
const unknownTime = math.MaxInt64

func (p *pending) note(s subject, n *changefeed.Notice, readModel string, i int) {
	at := int64(unknownTime)
	if !n.OccurredAt.IsZero() {
		at = n.At(readModel, i).UnixMilli()
	}
	p.at[s] = max(p.at[s], at)
}

// take returns everything that waits.
func (p *pending) take() (at map[subject]int64, sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, p.at = p.at, map[subject]int64{}
	return at, p.sequence
}
