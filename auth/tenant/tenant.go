package tenant

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/auth"
)

// ErrNoIdentity says that the context names nobody, so that there is nobody for whom to look or to write.
var ErrNoIdentity = errors.New("no identity in the context")

// Beginner begins transactions: a *pgxpool.Pool or a *pgx.Conn. A pgx.Tx is none on purpose: what it begins is a savepoint, and settings outlive a savepoint
// that is released.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Execer is the part of a transaction that [Set] needs.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// InTx runs fn in one transaction of the identity that ctx carries (see [auth.From]). It commits when fn returns nil, and rolls back when fn returns an error,
// which it returns as it is, or panics. Without an identity it returns [ErrNoIdentity] and takes no connection.
//
// An identity without an active organization sees what belongs to the user alone. Where that is not enough, refuse it before: [auth.RequireOrg]. A job that acts
// for an organization and for nobody in it sets [auth.Identity.Org] alone.
//
// tx is not safe for concurrent use, and ends with fn: neither commit nor keep it. A setting that fn changes itself is its own responsibility.
func InTx(ctx context.Context, pool Beginner, fn func(tx pgx.Tx) error) error {
	return InTxWith(ctx, pool, pgx.TxOptions{}, fn)
}

// InTxWith is [InTx] with options: isolation, read only. The settings can be made in a transaction that is read only.
func InTxWith(ctx context.Context, pool Beginner, options pgx.TxOptions, fn func(tx pgx.Tx) error) error {
	if _, err := caller(ctx); err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		if err := Set(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// Set names the identity that ctx carries in a transaction that began elsewhere, for one an event handler's with its inbox. It holds until that transaction
// ends: what the transaction does later for somebody else needs a Set of its own. Outside of a transaction it would have no effect at all, so tx has
// to be one.
func Set(ctx context.Context, tx Execer) error {
	id, err := caller(ctx)
	if err != nil {
		return err
	}
	// Both, also when empty: a setting that somebody left on the session must not fill the gap. Empty is nobody to every policy.
	// QueryExecModeExec names no prepared statement, which a transaction pooler might look for on another connection.
	if _, err := tx.Exec(ctx, `select set_config('clerk.org_id', $1, true), set_config('clerk.user_id', $2, true)`,
		pgx.QueryExecModeExec, id.Org, id.User); err != nil {
		return fmt.Errorf("set identity of transaction: %w", err)
	}
	return nil
}

// caller is the identity of ctx. One that names neither organization nor user is none: policies would show it nothing, and its inserts would belong to nobody.
func caller(ctx context.Context) (*auth.Identity, error) {
	id, ok := auth.From(ctx)
	if !ok || id.Org == "" && id.User == "" {
		return nil, ErrNoIdentity
	}
	return id, nil
}
