package hydrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/internal/hydrate/wire"
)

// longest is how long Missing takes where its context has no end.
const longest = 10 * time.Second

// Client fetches missing objects. Its methods are safe for concurrent use.
type Client struct {
	cfg      Config
	subject  string
	position *position
}

// New makes a Client, which has no goroutine and nothing to close.
func New(c Config) (*Client, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	client := &Client{cfg: c, subject: wire.Subject(c.Instance)}
	client.position = newPosition(client.sequence)
	return client, nil
}

// Missing makes the read model show an object that Clerk has; it is made for directory.Config.Missing. The id of a membership is
// "<organization id>/<user id>". It returns
//
//   - nil when the row is there, whoever brought it;
//   - directory.ErrNotFound when Clerk has no such object, or had it not in the last ten seconds, or the read model will not show it, for it is deleted
//     or hangs on something that is;
//   - ErrUnavailable or ErrBusy when that cannot be known now;
//   - an error that wraps ctx.Err when the read model does not get there in time. Without a deadline in ctx there are 10 s;
//   - directory.ErrUnknownKind for what cannot be fetched alone.
func (c *Client) Missing(ctx context.Context, kind directory.Kind, id string) error {
	row, ok := c.row(kind, id)
	if !ok {
		return fmt.Errorf("fetch %q: %w", kind, directory.ErrUnknownKind)
	}
	r := wire.Request{Kind: string(kind), ID: id}
	if r.Validate() != nil {
		return directory.ErrNotFound // Clerk makes no such ids
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := c.fetch(ctx, row, r); err != nil {
		return fmt.Errorf("fetch %s %s: %w", kind, id, err)
	}
	return nil
}

func (c *Client) fetch(ctx context.Context, row row, r wire.Request) error {
	now, err := c.look(ctx, row)
	switch {
	case err != nil:
		return err
	case now.there:
		return nil // it came since the directory looked
	}
	r.Seen = now.sequence
	sequence, err := c.ask(ctx, r)
	if err != nil || c.cfg.switches.impatient {
		return err
	}
	for {
		if err := c.position.reach(ctx, sequence); err != nil {
			return fmt.Errorf("wait for the read model to reach message %d: %w", sequence, err)
		}
		now, err := c.look(ctx, row)
		switch {
		case err != nil:
			return err
		case now.there:
			return nil
		case now.sequence >= sequence:
			return directory.ErrNotFound
		}
		// The position went back: the stream is another one, or a generation behind was switched to.
		c.position.forget()
	}
}

// ask asks until there is an answer that is one, or no time to ask again.
func (c *Client) ask(ctx context.Context, r wire.Request) (sequence uint64, err error) {
	data, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("encode request: %w", err)
	}
	for {
		a, err := c.request(ctx, data)
		if err != nil {
			return 0, err
		}
		switch a.Status {
		case wire.Found:
			return a.Sequence, nil
		case wire.Absent, wire.Invalid:
			return 0, directory.ErrNotFound
		case wire.Busy:
			if err := pause(ctx, time.Duration(a.RetryAfterMS)*time.Millisecond); err != nil {
				return 0, err
			}
		default:
			return 0, fmt.Errorf("%w: the watch cannot reach Clerk, the stream or its read model", ErrUnavailable)
		}
	}
}

// pause waits for half to one and a half of d, so that those who were turned away together do not come back together. It returns at once, with
// ErrBusy, where ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	d = d/2 + rand.N(d+1)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return ErrBusy
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	case <-timer.C:
		return nil
	}
}

func (c *Client) request(ctx context.Context, data []byte) (a wire.Answer, err error) {
	// A client that buffers while it is disconnected would hold the request back until its asker has gone.
	if !c.cfg.Conn.IsConnected() {
		return a, fmt.Errorf("%w: the broker is away", ErrUnavailable)
	}
	m, err := c.cfg.Conn.RequestWithContext(ctx, c.subject, data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return a, fmt.Errorf("%w: no watch answers on %s", ErrUnavailable, c.subject)
	case err != nil && ctx.Err() != nil:
		return a, fmt.Errorf("%w: no answer on %s: %w", ErrUnavailable, c.subject, ctx.Err())
	case err != nil:
		return a, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("%w: malformed answer", ErrUnavailable)
	}
	return a, nil
}
