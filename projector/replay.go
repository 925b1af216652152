package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
)

// ReplayOptions say what is applied again, and to which generation.
type ReplayOptions struct {
	// From and To are stream sequences, both included. Default of To: the generation's position, which is also as far as a replay ever goes.
	From, To uint64
	// Entity is Clerk's id of the one entity whose messages are replayed, in place of a range.
	Entity string
	// Generation is the one they go to. Default: the live one. These projections must have made it.
	Generation int
	// DryRun rolls every transaction back. Then an entity whose messages lie in several of them is counted in each.
	DryRun bool
}

// Replayed tells what a replay did. Applied are rows that changed; Duplicates and Stale are events that were there already, or in a newer version.
type Replayed struct {
	Generation        int
	From, To          uint64
	Messages, Skipped int
	Applied           int
	Duplicates, Stale int
	DeadLetters       int
	// ClosedLetters are letters that were open, and whose message passed or whose entity has a newer row by now.
	ClosedLetters int
	// Transactions is how many there were, Longest for how long the longest of them held the projector still.
	Transactions int
	Longest      time.Duration
}

// Errors of what is asked for.
var (
	// ErrNothingToReplay: neither a range nor an entity, or both.
	ErrNothingToReplay = errors.New("name either a range, from its first sequence on, or an entity")
	// ErrNotOurs: the generation was retired, is being built, or was made by other projections, whose code alone can write it.
	ErrNotOurs = errors.New("generation is not one that these projections keep")
)

// Replay applies messages again that were applied before, through the same fold and the same version gate, so repeating it changes nothing. It may run
// beside the projector: each of its bounded transactions holds the generation's checkpoint still, and none moves it. What is behind the checkpoint is
// the projector's to apply, never a replay's.
//
// A message that still cannot become a row is a dead letter again; an open letter whose message passes now is closed as retried.
func (o *Operator) Replay(ctx context.Context, options ReplayOptions) (done Replayed, err error) {
	byEntity := options.Entity != ""
	if byEntity == (options.From > 0) || byEntity && options.To > 0 {
		return done, ErrNothingToReplay
	}
	if byEntity && !events.IsToken(options.Entity) {
		return done, fmt.Errorf("entity id %q is not [A-Za-z0-9_-]+", options.Entity)
	}
	s, stream, err := o.attachTo(ctx, options.Generation)
	if err != nil {
		return done, err
	}
	defer s.close(ctx)
	r := &replay{session: s, dry: options.DryRun, done: &done, batch: &batch{}}
	done.Generation = s.generation.number
	done.From, done.To = max(options.From, 1), s.at.sequence
	if options.To > 0 {
		done.To = min(options.To, s.at.sequence)
	}
	if byEntity {
		err = r.entity(ctx, stream, options.Entity)
	} else {
		err = s.readRange(ctx, stream, done.From, done.To, func(m *message) error { return r.add(ctx, m) })
	}
	if err != nil {
		return done, err
	}
	return done, r.flush(ctx)
}

// attachTo opens a session on a generation that these projections keep: a number, or 0 for the live one.
func (o *Operator) attachTo(ctx context.Context, number int) (*session, jetstream.Stream, error) {
	g, err := o.keptGeneration(ctx, number)
	if err != nil {
		return nil, nil, err
	}
	return o.attach(ctx, g)
}

func (o *Operator) keptGeneration(ctx context.Context, number int) (generation, error) {
	conn, err := o.open(ctx)
	if err != nil {
		return generation{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if number == 0 {
		return o.liveGeneration(ctx, conn)
	}
	own, _, err := o.ownGenerations(ctx, conn)
	if err != nil {
		return generation{}, err
	}
	for _, g := range own {
		if g.number == number && g.state != stateBuilding {
			return g, nil
		}
	}
	return generation{}, fmt.Errorf("%w: %d of service %s", ErrNotOurs, number, o.config.Service)
}

// replay cuts messages into batches and applies each in a transaction of its own.
type replay struct {
	*session
	batch  *batch
	dry    bool
	done   *Replayed
	pinged time.Time
}

func (r *replay) entity(ctx context.Context, stream jetstream.Stream, id string) error {
	history, err := r.entityHistory(ctx, stream, "*", id, r.at.sequence)
	if err != nil {
		return err
	}
	for _, m := range history {
		if err := r.add(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) add(ctx context.Context, m *message) error {
	r.batch.add(m)
	if len(r.batch.messages) >= r.config.MaxBatch || r.batch.bytes >= r.config.MaxBytes/3 {
		return r.flush(ctx)
	}
	if now := r.config.Now(); now.Sub(r.pinged) > pingEvery {
		r.pinged = now
		return r.ping(ctx)
	}
	return nil
}

func (r *replay) flush(ctx context.Context) error {
	b := r.batch
	if len(b.messages) == 0 {
		return nil
	}
	r.batch = &batch{}
	began := r.config.Now()
	a, err := r.again(ctx, b, r.dry)
	if err != nil {
		return err
	}
	r.done.Messages += len(b.messages)
	r.done.Skipped += b.skipped
	r.done.Applied += a.Applied
	r.done.Duplicates += b.duplicates + a.Duplicates
	r.done.Stale += b.stale + a.Stale
	r.done.DeadLetters += a.DeadLetters
	r.done.ClosedLetters += a.closed
	r.done.Transactions++
	r.done.Longest = max(r.done.Longest, r.config.Now().Sub(began))
	return nil
}
