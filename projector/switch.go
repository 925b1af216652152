package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// SwitchOptions say what becomes live and when.
type SwitchOptions struct {
	// Generation is the one that becomes live. Default: the newest ready one that these projections made.
	Generation int
	// Soak is how long it must be tailing first, never further behind the live one than a batch. Default: none.
	Soak time.Duration
	// Patience is how long the live generation is held still at most while the other one comes level. Default: 2 s.
	Patience time.Duration
}

// Switched tells what readers see since when.
type Switched struct {
	From, To int
	// Sequence is the position of the new one, which is not behind the old one's.
	Sequence uint64
	// Held is for how long the old generation's projector was held still. Readers were never.
	Held time.Duration
}

// Switch lets readers see another generation, in one transaction that renames the two schemas of views: no reader waits, fails or finds a row
// missing. The old generation stays, and its own projector keeps it current, so Rollback can go back at any time and loses nothing.
//
// It is refused, with every reason, while the new one is behind, stands for another stream, failed its comparison, or lacks grants, and while
// something of somebody else's would stay behind on the old one.
func (o *Operator) Switch(ctx context.Context, options SwitchOptions) (Switched, error) {
	return o.change(ctx, "switch", options, `
select generation
from clerkstream.generations
where service = $1 and state = 'ready' and ($2 = 0 or generation = $2) and ($2 <> 0 or definition_hash = $3)
order by generation desc limit 1`)
}

// Rollback lets readers see again what they saw before the last switch. It needs no code of that generation's, only that its own deployment
// kept it current.
func (o *Operator) Rollback(ctx context.Context, options SwitchOptions) (Switched, error) {
	return o.change(ctx, "rollback", options, `
select generation
from clerkstream.generations
where service = $1 and state = 'ready' and live_until is not null and ($2 = 0 or generation = $2) and $3::text is not null
order by live_until desc limit 1`)
}

func (o *Operator) change(ctx context.Context, verb string, options SwitchOptions, candidate string) (done Switched, err error) {
	if options.Patience == 0 {
		options.Patience = 2 * time.Second
	}
	conn, err := o.open(ctx)
	if err != nil {
		return done, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, `select generation from clerkstream.generations where service = $1 and state = 'live'`, o.config.Service).Scan(&done.From)
	if err == nil {
		err = conn.QueryRow(ctx, candidate, o.config.Service, options.Generation, o.hash).Scan(&done.To)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return done, fmt.Errorf("%w: service %s has none that %s could go to", ErrNoGeneration, o.config.Service, verb)
	case err != nil:
		return done, fmt.Errorf("choose generation of %s: %w", o.config.Service, err)
	}
	if err := o.soak(ctx, conn, done, options.Soak); err != nil {
		return done, err
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return done, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := o.lockService(ctx, tx); err != nil {
		return done, err
	}
	if err := o.refuse(ctx, tx, verb, done); err != nil {
		return done, err
	}
	if err := o.level(ctx, tx, verb, &done, options.Patience); err != nil {
		return done, err
	}
	held := o.config.Now()
	if err := o.rename(ctx, tx, done); err != nil {
		return done, err
	}
	o.config.switches.step("switching")
	if err := tx.Commit(ctx); err != nil {
		return done, fmt.Errorf("%s to generation %d: %w", verb, done.To, err)
	}
	done.Held += o.config.Now().Sub(held)
	o.config.switches.step("switched")
	return done, nil
}

// refuse collects everything that stands in the way, so that a person mends it in one go.
func (o *Operator) refuse(ctx context.Context, tx pgx.Tx, verb string, c Switched) error {
	reasons, err := o.unfit(ctx, tx, c)
	if err != nil {
		return err
	}
	from, err := o.made(ctx, tx, c.From)
	if err != nil {
		return err
	}
	to, err := o.made(ctx, tx, c.To)
	if err != nil {
		return err
	}
	for _, look := range []struct {
		in   made
		find func(context.Context, queryer, made) ([]string, error)
	}{{from, o.strangers}, {from, o.grants}, {to, o.missingGrants}} {
		found, err := look.find(ctx, tx, look.in)
		if err != nil {
			return err
		}
		reasons = append(reasons, found...)
	}
	if len(reasons) > 0 {
		return &RefusedError{verb, reasons}
	}
	return nil
}

// unfit compares what is on record of the two generations.
func (o *Operator) unfit(ctx context.Context, tx pgx.Tx, c Switched) ([]string, error) {
	rows, err := tx.Query(ctx, `
select 'generation ' || n.generation || ' is ' || n.state
from clerkstream.generations n
where n.service = $1 and n.generation = $3 and n.state <> 'ready'
union all
select 'the comparison of generation ' || n.generation || ' with the live one failed at ' || n.gate_at::timestamptz(0)
from clerkstream.generations n
where n.service = $1 and n.generation = $3 and not n.gate_passed
union all
select 'generation ' || n.generation || ' stands for another stream than the live one'
from clerkstream.checkpoints n, clerkstream.checkpoints l
where n.service = $1 and n.generation = $3 and l.service = $1 and l.generation = $2
  and (n.stream <> l.stream or n.stream_created_at is distinct from l.stream_created_at and l.stream_created_at is not null)
union all
select 'generation ' || l.generation || ' is no longer live'
from clerkstream.generations l
where l.service = $1 and l.generation = $2 and l.state <> 'live'`, o.config.Service, c.From, c.To)
	if err != nil {
		return nil, fmt.Errorf("compare generations %d and %d: %w", c.From, c.To, err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// level holds the live generation's checkpoint, waits until the other one has come level, and holds that too. From here to the commit no row of
// either changes.
func (o *Operator) level(ctx context.Context, tx pgx.Tx, verb string, c *Switched, patience time.Duration) error {
	if _, err := tx.Exec(ctx, `set local lock_timeout = '10s'; set local role `+projections.RoleOwner); err != nil {
		return refused(fmt.Errorf("become owner: %w", err), "grant "+projections.RoleOwner+" to the login")
	}
	const read = `select sequence from clerkstream.checkpoints where service = $1 and generation = $2`
	var old uint64
	if err := tx.QueryRow(ctx, read+` for update`, o.config.Service, c.From).Scan(&old); err != nil {
		return fmt.Errorf("hold generation %d: %w", c.From, err)
	}
	began := o.config.Now()
	defer func() { c.Held = o.config.Now().Sub(began) }()
	for {
		if err := tx.QueryRow(ctx, read, o.config.Service, c.To).Scan(&c.Sequence); err != nil {
			return fmt.Errorf("read checkpoint of generation %d: %w", c.To, err)
		}
		if c.Sequence >= old {
			return tx.QueryRow(ctx, read+` for update`, o.config.Service, c.To).Scan(&c.Sequence)
		}
		if o.config.Now().Sub(began) > patience {
			return &RefusedError{verb, []string{fmt.Sprintf("generation %d is behind: it is at %d, the live one at %d", c.To, c.Sequence, old)}}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// rename exchanges the names of the two schemas of views and tells the readers.
func (o *Operator) rename(ctx context.Context, tx pgx.Tx, c Switched) error {
	public := pgx.Identifier{o.config.Schema}.Sanitize()
	next := viewsSchema(o.config.Schema, c.To)
	last := viewsSchema(o.config.Schema, c.From)
	for _, statement := range []string{
		`alter schema ` + public + ` rename to ` + pgx.Identifier{last}.Sanitize(),
		`alter schema ` + pgx.Identifier{next}.Sanitize() + ` rename to ` + public,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("switch views: %w", err)
		}
	}
	for _, move := range []struct {
		generation int
		set        string
	}{
		{c.From, `state = 'ready', live_until = now()`},
		{c.To, `state = 'live', live_since = now(), live_until = null`},
	} {
		if _, err := tx.Exec(ctx, `update clerkstream.generations set `+move.set+` where service = $1 and generation = $2`, o.config.Service, move.generation); err != nil {
			return fmt.Errorf("switch generation %d: %w", move.generation, err)
		}
	}
	feed := newFeed(c.To, c.Sequence, o.config.Now())
	feed.flush = true
	return feed.send(ctx, tx, o.config.Schema)
}

// soak watches the new generation tail for a while before readers depend on it.
func (o *Operator) soak(ctx context.Context, conn *pgx.Conn, c Switched, soak time.Duration) error {
	if soak == 0 {
		return nil
	}
	var seen []uint64
	end := time.After(soak)
	look := time.NewTicker(min(pingEvery, soak/10+1))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nil
		case <-look.C:
		}
		var live, next uint64
		err := conn.QueryRow(ctx, `
select (select sequence from clerkstream.checkpoints where service = $1 and generation = $2),
  (select sequence from clerkstream.checkpoints where service = $1 and generation = $3)`, o.config.Service, c.From, c.To).Scan(&live, &next)
		if err != nil {
			return fmt.Errorf("watch generation %d: %w", c.To, err)
		}
		// Behind the live one by what that one did since the look before the last: it does not tail.
		if seen = append(seen, live); len(seen) > 2 && next < slices.Min(seen[len(seen)-3:]) {
			return &RefusedError{"switch", []string{fmt.Sprintf("generation %d fell behind while soaking: it is at %d, the live one at %d", c.To, next, live)}}
		}
	}
}
