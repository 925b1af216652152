package clerksim

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"
)

// Endpoint is where webhooks go, and how. An attempt uses what holds at its beginning, so retries of older messages follow a change, as Svix' do.
type Endpoint struct {
	// URL takes the deliveries. A wrong path is a broken route.
	URL string
	// Secret signs them: whsec_ and base64. Never shown by the management API.
	Secret string
	// ClockOffset is how far the clock of signatures is ahead; negative is behind.
	ClockOffset time.Duration
	// Off is Svix' disabled endpoint: what is due while it is off is not sent, not retried, and never comes. It is counted as dropped.
	Off bool

	lost *losses // nil where nobody counts
}

// losses count messages that will never arrive.
type losses struct{ dropped, givenUp atomic.Int64 }

// EndpointStatus is what the management API tells of an endpoint: everything but its secret. ClockOffset is a Go duration, for example "10m0s".
type EndpointStatus struct {
	URL         string `json:"url"`
	ClockOffset string `json:"clock_offset"`
	Off         bool   `json:"off"`
	// Dropped messages came while it was off; GivenUp ones were refused, or not answered, through the whole schedule of retries.
	Dropped int64 `json:"dropped"`
	GivenUp int64 `json:"given_up"`
}

// EndpointChange is the body of PUT /sim/endpoint: what is left out stays as it is.
type EndpointChange struct {
	URL         *string `json:"url,omitempty"`
	Secret      *string `json:"secret,omitempty"`
	ClockOffset *string `json:"clock_offset,omitempty"`
	Off         *bool   `json:"off,omitempty"`
}

// Endpoint is where this instance's webhooks go. It is for [SenderConfig].Endpoint; zero until SetEndpoint.
func (c *Clerk) Endpoint() Endpoint {
	e := Endpoint{}
	if set := c.endpoint.Load(); set != nil {
		e = *set
	}
	e.lost = &c.lost
	return e
}

// SetEndpoint changes where webhooks go, from the next attempt on. It reports all that is wrong with e, and then changes nothing.
func (c *Clerk) SetEndpoint(e Endpoint) error {
	if err := e.validate(); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	c.endpoint.Store(&e)
	return nil
}

// EndpointStatus is what GET /sim/endpoint answers.
func (c *Clerk) EndpointStatus() EndpointStatus {
	e := c.Endpoint()
	return EndpointStatus{
		URL: e.URL, ClockOffset: e.ClockOffset.String(), Off: e.Off, Dropped: c.lost.dropped.Load(), GivenUp: c.lost.givenUp.Load(),
	}
}

func (e Endpoint) validate() error {
	var problems []error
	if u, err := url.Parse(e.URL); err != nil || u.Host == "" {
		problems = append(problems, errors.New("url is not absolute"))
	}
	if _, err := newSigner(e.Secret); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// apply returns e with what the change names.
func (x EndpointChange) apply(e Endpoint) (Endpoint, error) {
	if x.URL != nil {
		e.URL = *x.URL
	}
	if x.Secret != nil {
		e.Secret = *x.Secret
	}
	if x.Off != nil {
		e.Off = *x.Off
	}
	if x.ClockOffset == nil {
		return e, nil
	}
	offset, err := time.ParseDuration(*x.ClockOffset)
	if err != nil {
		return e, fmt.Errorf("clock_offset is no duration: %w", err)
	}
	e.ClockOffset = offset
	return e, nil
}

func (e Endpoint) countDropped() {
	if e.lost != nil {
		e.lost.dropped.Add(1)
	}
}

func (e Endpoint) countGivenUp() {
	if e.lost != nil {
		e.lost.givenUp.Add(1)
	}
}
