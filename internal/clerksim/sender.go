package clerksim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// SenderConfig describes how messages are delivered. Rates of faults are shares of messages, 0 to 1.
type SenderConfig struct {
	// URL is the endpoint. Secret signs: whsec_ and base64. Both are required where Endpoint is not set.
	URL, Secret string
	// Endpoint, if set, is asked at the beginning of every attempt where it goes, and whether it is sent at all. An endpoint that cannot be sent to (no URL,
	// no secret) is an attempt without an answer. Called by many goroutines at a time.
	Endpoint func() Endpoint
	// More, if set, makes Send stay when next has nothing: it draws again whenever More receives, and ends with its context only.
	More <-chan struct{}
	// Client makes the requests; redirects are never followed, as Svix does not. Default: one with Concurrency idle connections. Every
	// request has a deadline of 15 s, also with a Client of your own.
	Client *http.Client
	// Rate is first attempts per second, begun whether or not earlier ones were answered, as long as a worker is free. 0: as fast as the
	// endpoint takes them.
	Rate float64
	// Concurrency bounds the requests in flight. Default 16. With 1 the endpoint sees first attempts in the planned order.
	Concurrency int
	// Compress divides the pauses of Svix' schedule (5 s … 10 h) and the gap of late duplicates (2 h 10 min to 6 h 10 min). Default 1, which is
	// real time. What is compressed so much that an outage outlasts 27 h 35 min / Compress is given up, as Svix would.
	Compress float64
	// Seed decides the faults.
	Seed uint64
	// DuplicateRate: delivered again after it was accepted, with a newer svix-timestamp; half of them soon, half after hundreds of others
	// and more than two hours (divided by Compress), when a window of that length has passed.
	DuplicateRate float64
	// ReorderRate: held back behind 1 to 20 others.
	ReorderRate float64
	// LateRate: the first one to three attempts are lost on the wire, and the one that arrives does so behind 50 to 1050 others.
	LateRate float64
	// Outage, if set, is a stretch of the history in which nothing reaches the endpoint.
	Outage *Outage
	// Now is the clock of signatures and acknowledgements. Default time.Now. Waiting is by timers in any case.
	Now func() time.Time
	// OnAck is told each message once, when its first 2xx was read. Called by one goroutine at a time; must not block.
	OnAck func(Message, time.Time)
	// Progress is told a few times a second, and at the end. Called as OnAck is.
	Progress func(SendReport)
}

// Outage spans the time from the first attempt of the From-th message until that of the To-th, counted from 0, To excluded, or until the
// history ends. No attempt made in it reaches the endpoint, be it a first one, a retry or a duplicate.
type Outage struct{ From, To int }

// Sender delivers messages as Svix does: signed per attempt, at least once, in no certain order, retried on anything but a 2xx.
type Sender struct {
	cfg      SenderConfig
	schedule schedule
}

// NewSender checks the configuration and reports all that is wrong with it.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if cfg.Concurrency == 0 {
		cfg.Concurrency = 16
	}
	if cfg.Compress == 0 {
		cfg.Compress = 1
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if cfg.Endpoint == nil {
		cfg.Endpoint = func() Endpoint { return Endpoint{URL: cfg.URL, Secret: cfg.Secret} }
	}
	cfg.Client = client(cfg)
	return &Sender{cfg: cfg, schedule: schedule{delays: retryDelays(), compress: cfg.Compress}}, nil
}

func (c SenderConfig) validate() error {
	var problems []error
	if c.Endpoint == nil {
		problems = append(problems, Endpoint{URL: c.URL, Secret: c.Secret}.validate())
	}
	for _, rate := range []struct {
		name  string
		value float64
	}{{"duplicate", c.DuplicateRate}, {"reorder", c.ReorderRate}, {"late", c.LateRate}} {
		if rate.value < 0 || rate.value > 1 {
			problems = append(problems, fmt.Errorf("%s rate %v is not between 0 and 1", rate.name, rate.value))
		}
	}
	if c.Rate < 0 || c.Concurrency < 0 || c.Compress < 0 {
		problems = append(problems, errors.New("rate, concurrency and compress must not be negative"))
	}
	if c.Outage != nil && (c.Outage.From < 0 || c.Outage.To < c.Outage.From) {
		problems = append(problems, fmt.Errorf("outage from %d to %d is no stretch", c.Outage.From, c.Outage.To))
	}
	return errors.Join(problems...)
}

// client never follows a redirect: to Svix a 3xx is a failure.
func client(cfg SenderConfig) *http.Client {
	c := http.Client{}
	if cfg.Client != nil {
		c = *cfg.Client
	} else if base, ok := http.DefaultTransport.(*http.Transport); ok {
		transport := base.Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, cfg.Concurrency
		c.Transport = transport
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Send draws messages from next until it returns false and delivers them. It returns when every message was accepted, given up or dropped, or when
// ctx ends, which is the only error; the report is valid either way. A request that ctx cut off may have been accepted without OnAck
// knowing. next is called by one goroutine and must not block. Send may be called again afterwards, not at the same time.
func (s *Sender) Send(ctx context.Context, next func() (Message, bool)) (SendReport, error) {
	r := newRun(s, next)
	return r.run(ctx)
}
