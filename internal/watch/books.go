package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/internal/sentinel"
)

// books is what earlier processes have written down, and what is added to it. The lock's connection is not used for it: a slow statement there would
// look like a lost lock.
type books struct {
	pool     *pgxpool.Pool
	instance string
}

func openBooks(c Config) (*books, error) {
	p, err := pgxpool.ParseConfig(c.DatabaseURL)
	if err != nil {
		return nil, errors.New("parse database URL") // the cause may quote the password
	}
	p.MaxConns, p.MinConns = 2, 0
	p.ConnConfig.ConnectTimeout = connectWithin
	p.ConnConfig.RuntimeParams["application_name"] = "clerkstream watch " + c.Instance + ", books"
	pool, err := pgxpool.NewWithConfig(context.Background(), p)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return &books{pool, c.Instance}, nil
}

func (b *books) close() { b.pool.Close() }

// lastFull is when the last complete walk began; zero is that there was none. Users stand for all kinds, for they are walked with them.
func (b *books) lastFull(ctx context.Context) (began time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	err = b.pool.QueryRow(ctx, `
select started_at from clerkstream.reconciliations where instance = $1 and kind = 'users' and mode = 'full' and complete`, b.instance).Scan(&began)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return began, fmt.Errorf("read the last walk: %w", err)
	}
	return began, nil
}

// mostOutages bounds the unfinished outages that a new process takes over.
const mostOutages = 20

// unfinished are the outages whose hole nobody has closed yet, oldest first.
func (b *books) unfinished(ctx context.Context) (all []sentinel.Outage, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	rows, err := b.pool.Query(ctx, `
select id, began_at, noticed_at, cause, signals, ended_at from clerkstream.outages
where instance = $1 and reconciled_at is null order by began_at limit $2`, b.instance, mostOutages)
	if err != nil {
		return nil, fmt.Errorf("read outages: %w", err)
	}
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o sentinel.Outage, err error) {
		var ended *time.Time
		if err := row.Scan(&o.ID, &o.Began, &o.Noticed, &o.Cause, &o.Signals, &ended); err != nil {
			return o, err
		}
		o.ReplayFrom = o.Began
		if ended != nil {
			o.Ended, o.ReplayTo = *ended, *ended
		}
		return o, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outages: %w", err)
	}
	return all, nil
}

// record writes an outage down: a new one, or what became of one.
func (b *books) record(ctx context.Context, o sentinel.Outage) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	var repaired *int
	if !o.Reconciled.IsZero() {
		repaired = &o.Repaired
	}
	signals := append([]string{}, o.Signals...) // never null
	if o.ID == 0 {
		err = b.pool.QueryRow(ctx, `
insert into clerkstream.outages (instance, began_at, noticed_at, cause, signals, ended_at, reconciled_at, repaired)
values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
			b.instance, o.Began, o.Noticed, string(o.Cause), signals, orNull(o.Ended), orNull(o.Reconciled), repaired).Scan(&id)
	} else {
		id = o.ID
		_, err = b.pool.Exec(ctx, `
update clerkstream.outages
set began_at = $3, noticed_at = $4, cause = $5, signals = $6, ended_at = $7, reconciled_at = $8, repaired = $9
where id = $1 and instance = $2`,
			id, b.instance, o.Began, o.Noticed, string(o.Cause), signals, orNull(o.Ended), orNull(o.Reconciled), repaired)
	}
	if err != nil {
		return 0, fmt.Errorf("record outage: %w", err)
	}
	return id, nil
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
