package clerkapi

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// pace is how long one call waits between its attempts: exponentially with jitter, and as long as Clerk said.
type pace struct {
	*backoff.ExponentialBackOff
	atLeast time.Duration
}

func (c *Client) newPace() *pace {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval, waits.Multiplier, waits.RandomizationFactor = c.limits.firstWait, c.limits.maxWait, 2, 0.5
	return &pace{ExponentialBackOff: waits}
}

// heed takes the wait that an error carries for the next one.
func (p *pace) heed(err error) {
	p.atLeast = 0
	if answer, ok := errors.AsType[*Error](err); ok {
		p.atLeast = answer.wait
	}
}

// NextBackOff makes it a backoff.BackOff.
func (p *pace) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), p.atLeast)
}
