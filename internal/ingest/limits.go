package ingest

import (
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// Limits bound time and memory. What an attacker without a secret can hold is Connections × BodyBytes of memory, for RequestTime.
type Limits struct {
	// BodyBytes is the greatest body (MAX_BODY_BYTES). Default 1 MiB. The broker's max_payload must hold it and events.MaxHeaderBytes.
	BodyBytes int64
	// InFlight is how many appends may wait for their acknowledgement at once (MAX_IN_FLIGHT). Default 1024. The next one is answered
	// 503 at once; nothing queues.
	InFlight int
	// Connections open at once (MAX_CONNECTIONS). Default 2048; more wait in the kernel's backlog.
	Connections int
	// AckTime is how long an append may take (ACK_TIMEOUT). Default 5 s, well below the 15 s after which Svix gives a delivery up.
	AckTime time.Duration
	// HeaderTime, RequestTime, WriteTime and IdleTime bound reading the header, reading the whole request, the time from the header's end
	// to the answer's end, and waiting for the next request. Defaults 5 s, 10 s, 20 s, 90 s.
	HeaderTime, RequestTime, WriteTime, IdleTime time.Duration
	// ShutdownTime is how long what is in flight may take after the order to stop (SHUTDOWN_TIMEOUT). Default 20 s: longer than a
	// request can last.
	ShutdownTime time.Duration
}

const (
	// maxBodyBytes is where nats-server begins to warn of its max_payload (8 MiB), and many times what Clerk can send.
	maxBodyBytes = 8<<20 - events.MaxHeaderBytes
	// svixGivesUp is Svix's documented time-out: a later answer counts as a failure, whatever it says.
	svixGivesUp = 15 * time.Second
)

// DefaultLimits are those described at Limits.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes: 1 << 20, InFlight: 1024, Connections: 2048,
		AckTime: 5 * time.Second, HeaderTime: 5 * time.Second, RequestTime: 10 * time.Second,
		WriteTime: 20 * time.Second, IdleTime: 90 * time.Second, ShutdownTime: 20 * time.Second,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	or(&l.BodyBytes, d.BodyBytes)
	or(&l.InFlight, d.InFlight)
	or(&l.Connections, d.Connections)
	or(&l.AckTime, d.AckTime)
	or(&l.HeaderTime, d.HeaderTime)
	or(&l.RequestTime, d.RequestTime)
	or(&l.WriteTime, d.WriteTime)
	or(&l.IdleTime, d.IdleTime)
	or(&l.ShutdownTime, d.ShutdownTime)
	return l
}

func (l Limits) validate(p *settings.Problems) {
	if l.BodyBytes < 1 || l.BodyBytes > maxBodyBytes {
		p.Add("MAX_BODY_BYTES", "%d is not between 1 and %d", l.BodyBytes, maxBodyBytes)
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"MAX_IN_FLIGHT", l.InFlight}, {"MAX_CONNECTIONS", l.Connections}} {
		if n.v < 1 || n.v > 1<<20 {
			p.Add(n.name, "%d is not between 1 and %d", n.v, 1<<20)
		}
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"HEADER_TIMEOUT", l.HeaderTime}, {"REQUEST_TIMEOUT", l.RequestTime}, {"WRITE_TIMEOUT", l.WriteTime}, {"IDLE_TIMEOUT", l.IdleTime}, {"SHUTDOWN_TIMEOUT", l.ShutdownTime}} {
		if d.v < 0 {
			p.Add(d.name, "%s is negative", d.v)
		}
	}
	if l.AckTime < 0 || l.AckTime >= svixGivesUp {
		p.Add("ACK_TIMEOUT", "%s is not below the %s after which Svix gives up", l.AckTime, svixGivesUp)
	}
	if l.WriteTime > 0 && l.WriteTime < l.RequestTime+l.AckTime {
		p.Add("WRITE_TIMEOUT", "%s would cut answers off: it is less than REQUEST_TIMEOUT and ACK_TIMEOUT together", l.WriteTime)
	}
}
