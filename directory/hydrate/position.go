package hydrate

import (
	"context"
	"sync"
	"time"
)

// position is how far the read model is, as known to all who wait for it. One of them at a time asks Postgres, and tells the others: a thousand
// waiters are one query a millisecond, on one connection.
type position struct {
	read func(context.Context) (uint64, error)
	turn chan struct{} // holds one token; who has it reads

	mu    sync.Mutex
	at    uint64
	moved chan struct{} // closed when at changes
}

func newPosition(read func(context.Context) (uint64, error)) *position {
	p := &position{read: read, turn: make(chan struct{}, 1), moved: make(chan struct{})}
	p.turn <- struct{}{}
	return p
}

// reach waits until the read model has been seen at a sequence or past it.
func (p *position) reach(ctx context.Context, sequence uint64) error {
	for {
		at, moved := p.known()
		if at >= sequence {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		case <-p.turn:
			err := p.follow(ctx, sequence)
			p.turn <- struct{}{}
			if err != nil {
				return err
			}
		}
	}
}

// follow reads until the sequence is reached, often at first: a projector commits within milliseconds, and if it does not it has a lot to do.
func (p *position) follow(ctx context.Context, sequence uint64) error {
	began := time.Now()
	for {
		at, err := p.read(ctx)
		if err != nil {
			return err
		}
		p.tell(at)
		if at >= sequence {
			return nil
		}
		timer := time.NewTimer(pace(time.Since(began)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func pace(waited time.Duration) time.Duration {
	return min(max(waited/20, time.Millisecond/2), 25*time.Millisecond)
}

func (p *position) known() (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at, p.moved
}

func (p *position) tell(at uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at != p.at {
		p.at = at
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

// forget makes the next who waits ask again.
func (p *position) forget() { p.tell(0) }
