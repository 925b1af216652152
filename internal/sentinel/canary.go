package sentinel

import "time"

// canaryState judges the touches of the reserved user. Times are of the caller's clock.
type canaryState struct {
	config  Canary
	state   State
	detail  string
	pending time.Time // when the touch began whose event is awaited; zero when none is
	touched time.Time // when the last touch began
	back    time.Time // when the last touch whose event came had begun
	late    time.Time // when the last touch whose event did not come in time had begun
	took    time.Duration
}

func newCanary(c Canary) canaryState {
	x := canaryState{config: c, state: StateUnknown, detail: "not touched yet"}
	if c.UserID == "" {
		x.detail = "not configured"
	}
	return x
}

// due tells whether to touch now. While the canary is failing it goes faster, for somebody waits to see the repair.
func (c *canaryState) due(now time.Time) bool {
	if c.config.UserID == "" || !c.pending.IsZero() {
		return false
	}
	pause := c.config.Every
	if c.state == StateFailing {
		pause = min(pause, c.config.Limit)
	}
	return c.touched.IsZero() || now.Sub(c.touched) >= pause
}

func (c *canaryState) begin(now time.Time) { c.pending, c.touched = now, now }

// refused is a touch that Clerk did not take: it tells nothing of webhooks, so a failing canary goes on failing.
func (c *canaryState) refused() {
	c.pending, c.detail = time.Time{}, "the user could not be touched through the Backend API"
	if c.state != StateFailing {
		c.state = StateUnknown
	}
}

// returned notes a webhook of the user, read now. It reports whether one was awaited. One that is late ends a failure too: webhooks come.
func (c *canaryState) returned(now time.Time) bool {
	awaited := !c.pending.IsZero()
	if !awaited && c.state != StateFailing {
		return false
	}
	if awaited {
		c.took = now.Sub(c.pending)
		c.back, c.pending = c.pending, time.Time{}
	} else {
		c.took, c.back = now.Sub(c.touched), c.touched
	}
	c.state, c.detail = StateOK, ""
	return true
}

// check reports whether the awaited event has just become late. What cannot be seen, because the stream cannot be read, is not late.
func (c *canaryState) check(now time.Time, seeing bool) (late bool) {
	switch {
	case c.pending.IsZero():
		return false
	case !seeing:
		c.pending = time.Time{}
		if c.state != StateFailing {
			c.state, c.detail = StateUnknown, "the stream could not be read"
		}
		return false
	case now.Sub(c.pending) < c.config.Limit:
		return false
	}
	c.late, c.pending = c.pending, time.Time{}
	c.state, c.detail = StateFailing, "the event of a touched user did not come within "+c.config.Limit.String()
	return true
}

// good is the last time at which the canary is known to have come back; its first touch when it never did.
func (c *canaryState) good() time.Time {
	if c.back.IsZero() {
		return c.touched
	}
	return c.back
}
