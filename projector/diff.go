package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/projections"
)

// DiffOptions say what is compared with the live generation, and what of the result is acceptable.
type DiffOptions struct {
	// Generation is the one to compare. Default: the newest ready one that these projections made.
	Generation int
	// Patience is how long Diff waits for the live generation to come level. Default: 10 s.
	Patience time.Duration
	// Samples is how many rows are named of each group. Default: 3.
	Samples int
	// ShowValues shows the values of the samples instead of masking them. They are personal data.
	ShowValues bool

	// MaxChanged and Expect are gates: with either, the comparison passes or fails, with both it has to pass both. Default: no gate.
	MaxChanged *Tolerance
	// Expect lists all that may differ; empty and not nil, nothing may.
	Expect []Expectation
}

// Difference is how a generation differs from the live one at one position of the stream.
type Difference struct {
	Live       int               `json:"live_generation"`
	Generation int               `json:"generation"`
	Sequence   uint64            `json:"sequence"`
	Tables     []TableComparison `json:"tables"`
	// Differing is the number of differing rows in all tables.
	Differing int64 `json:"differing_rows"`
	// Gate is the verdict; nil when none was asked for and something differs.
	Gate *Gate `json:"gate,omitempty"`
}

// Gate is whether a comparison is acceptable, and if not, each reason.
type Gate struct {
	Passed  bool     `json:"passed"`
	Reasons []string `json:"reasons,omitempty"`
}

// ErrApart is returned when two generations cannot be compared because the live one stays behind.
var ErrApart = errors.New("generations did not come level")

// derivedColumns follow from the others in a way that is the projection's own affair.
var derivedColumns = []string{"children_hash", "documents_hash"}

// Diff compares the live generation with one that is not live, row by row, both at the live one's position. It needs these projections to be those of
// the one that is not live, which it brings level by their code, in a transaction that it rolls back: neither generation's rows change. While it
// works, the projector of the one that is not live waits; the live one's does not.
//
// The verdict of a gate goes on record, where Switch looks: it refuses after a failed one. No difference at all is a passed gate even when none was
// asked for. Differences without a gate leave on record what is there: a look is not a decision.
func (o *Operator) Diff(ctx context.Context, options DiffOptions) (d Difference, err error) {
	if options.Patience == 0 {
		options.Patience = 10 * time.Second
	}
	if options.Samples == 0 {
		options.Samples = 3
	}
	s := o.sessionOn(generation{})
	if err := s.connect(ctx); err != nil {
		return d, err
	}
	defer s.close(ctx)
	live, next, err := o.choosePair(ctx, s.conn, options.Generation)
	if err != nil {
		return d, err
	}
	s.follower = newFollower(o.Projector, next.generation)
	stream, err := s.recover(ctx)
	if err != nil {
		return d, err
	}
	d.Live, d.Generation = live.number, next.number
	if err := o.diffLevel(ctx, s, stream, live, next, options, &d); err != nil {
		return d, err
	}
	d.Differing = differing(d.Tables)
	d.Gate = options.judge(&d)
	return d, s.recordGate(ctx, d.Gate)
}

// recorded is a generation with what was made for it.
type recorded struct {
	generation
	made []string
}

// choosePair finds the live generation, whoever made it, and the one of ours to compare with it.
func (o *Operator) choosePair(ctx context.Context, q queryer, number int) (live, next recorded, err error) {
	rows, err := q.Query(ctx, `
select generation, table_schema, state, tables, definition_hash = $2
from clerkstream.generations
where service = $1 and state in ('live', 'ready', 'building')
order by generation`, o.config.Service, o.hash)
	if err != nil {
		return live, next, refused(fmt.Errorf("list generations of %s: %w", o.config.Service, err), "grant "+projections.RoleProjector+" to the login")
	}
	var (
		g      recorded
		ours   bool
		theirs bool
	)
	_, err = pgx.ForEachRow(rows, []any{&g.number, &g.tables, &g.state, &g.made, &ours}, func() error {
		switch {
		case g.state == stateLive:
			live = g
		case number != 0 && g.number != number || g.state != stateReady:
		case !ours:
			theirs = true
		default:
			next = g
		}
		return nil
	})
	switch {
	case err != nil:
		return live, next, fmt.Errorf("list generations of %s: %w", o.config.Service, err)
	case live.number == 0:
		return live, next, fmt.Errorf("%w: service %s has none that is live", ErrNoGeneration, o.config.Service)
	case next.number == 0 && theirs:
		return live, next, fmt.Errorf("%w: run diff with the binary of the generation that is not live", ErrDefinition)
	case next.number == 0:
		return live, next, fmt.Errorf("%w: service %s has none that is ready beside the live one", ErrNoGeneration, o.config.Service)
	}
	return live, next, nil
}

// levelEvery is how long Diff waits before it looks again whether the live generation has come level.
const levelEvery = 3 * time.Millisecond

// diffLevel tries until a try finds both generations where they can be brought level.
func (o *Operator) diffLevel(ctx context.Context, s *session, stream jetstream.Stream, live, next recorded, options DiffOptions, into *Difference) error {
	deadline := o.config.Now().Add(options.Patience)
	for {
		err := s.diffOnce(ctx, stream, live, next, options, into)
		if err == nil || !errors.Is(err, ErrApart) && !collided(err) {
			return err
		}
		if o.config.Now().After(deadline) {
			return fmt.Errorf("%w in %s: %w", ErrApart, options.Patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(levelEvery):
		}
	}
}

// collided recognises that the projector of our generation committed between our snapshot and our lock, or held the row for too long.
func collided(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "55P03")
}

// diffOnce compares inside one snapshot. Locking our checkpoint is the statement that takes the snapshot, so what it shows of our generation cannot
// change any more; of the live one it shows rows and checkpoint that belong together, for they move in one transaction.
func (s *session) diffOnce(ctx context.Context, stream jetstream.Stream, live, next recorded, options DiffOptions, into *Difference) error {
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// Whatever happens, the rows that bring our generation level are never committed: its own projector writes them.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, `set local statement_timeout = 0; set local lock_timeout = '5s'`); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	const read = `select sequence, stream_created_at from clerkstream.checkpoints where service = $1 and generation = $2`
	var created, liveCreated *time.Time
	if err := tx.QueryRow(ctx, read+` for update`, s.config.Service, next.number).Scan(&s.at.sequence, &created); err != nil {
		return fmt.Errorf("hold generation %d: %w", next.number, err)
	}
	if err := tx.QueryRow(ctx, read, s.config.Service, live.number).Scan(&into.Sequence, &liveCreated); err != nil {
		return fmt.Errorf("read checkpoint of generation %d: %w", live.number, err)
	}
	switch {
	case into.Sequence < s.at.sequence:
		return fmt.Errorf("%w: the live generation %d is at %d, generation %d at %d", ErrApart, live.number, into.Sequence, next.number, s.at.sequence)
	case liveCreated != nil && !liveCreated.Equal(s.start.created.Truncate(time.Microsecond)):
		return fmt.Errorf("%w: the live generation %d stands for another one", ErrLogIdentity, live.number)
	}
	if err := s.catchUp(ctx, tx, stream, into.Sequence); err != nil {
		return fmt.Errorf("bring generation %d level: %w", next.number, err)
	}
	c := comparison{
		live: live.tables, other: next.tables, tables: slices.Concat(live.made, next.made), ignore: derivedColumns,
		samples: options.Samples, show: options.ShowValues,
	}
	into.Tables, err = c.compare(ctx, tx)
	return err
}

// catchUp applies the messages up to end to the tables of the session's generation, inside a transaction that is not for committing.
func (s *session) catchUp(ctx context.Context, tx pgx.Tx, stream jetstream.Stream, end uint64) error {
	s.rehearsal, s.lettersOpen = true, false
	b := &batch{}
	put := func() error {
		_, _, err := s.putIsolated(ctx, tx, b)
		b = &batch{}
		return err
	}
	pinged := s.config.Now()
	err := s.readRange(ctx, stream, s.at.sequence+1, end, func(m *message) error {
		b.add(m)
		if len(b.messages) >= s.config.MaxBatch || b.bytes >= s.config.MaxBytes/3 {
			return put()
		}
		if now := s.config.Now(); now.Sub(pinged) > pingEvery {
			pinged = now
			return s.ping(ctx)
		}
		return nil
	})
	if err != nil || len(b.messages) == 0 {
		return err
	}
	return put()
}

// recordGate writes the verdict down for Switch.
func (s *session) recordGate(ctx context.Context, g *Gate) error {
	if g == nil {
		return nil
	}
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local role `+projections.RoleOwner); err != nil {
			return refused(fmt.Errorf("become owner: %w", err), "grant "+projections.RoleOwner+" to the login")
		}
		_, err := tx.Exec(ctx, `update clerkstream.generations set gate_passed = $3, gate_at = now() where service = $1 and generation = $2`,
			s.config.Service, s.generation.number, g.Passed)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the verdict on generation %d: %w", s.generation.number, err)
	}
	return nil
}
