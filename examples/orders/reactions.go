package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/subscribe"
)

// reactions are what this service does when Clerk tells something. Each has its effect exactly once for each fact: an event that comes twice, or
// again after a crash, finds its row in the inbox, which was written in the transaction of the effect.
func (a *app) reactions() []subscribe.Handler {
	return []subscribe.Handler{
		subscribe.InTx("unassign", a.pool, a.unassign),
		subscribe.InTx("welcome", a.pool, dueWelcome),
	}
}

// unassign takes a former member's open orders away from them, so that somebody else sees them waiting.
func (a *app) unassign(ctx context.Context, tx pgx.Tx, e *events.OrganizationMembershipDeleted) error {
	member := e.Data.PublicUserData.UserID
	if e.Data.Organization.ID == "" || member == "" {
		return nil // Clerk did not say whose it was
	}
	// For the organization and for nobody in it: the policies hold for handlers as they do for requests.
	if err := tenant.Set(auth.With(ctx, &auth.Identity{Org: e.Data.Organization.ID}), tx); err != nil {
		return err
	}
	// Clerk tells some times in whole seconds.
	n, err := unassignOrders(ctx, tx, member, e.Time.Add(time.Second))
	if err != nil {
		return fmt.Errorf("unassign orders of %s: %w", member, err)
	}
	a.log.InfoContext(ctx, "unassigned", "user_id", member, "organization_id", e.Data.Organization.ID, "orders", n)
	return nil
}

// dueWelcome writes down that a welcome is due. Mail cannot be in a transaction of Postgres, so sendWelcomes sends it afterwards.
func dueWelcome(ctx context.Context, tx pgx.Tx, e *events.UserCreated) error {
	if _, err := tx.Exec(ctx, `insert into orders.welcomes (user_id) values ($1)`, e.Data.ID); err != nil {
		return fmt.Errorf("welcome %s: %w", e.Data.ID, err)
	}
	return nil
}

const mailEvery = 500 * time.Millisecond

// sendWelcomes sends what is due until ctx ends. Several replicas may.
func (a *app) sendWelcomes(ctx context.Context) error {
	tick := time.NewTicker(mailEvery)
	defer tick.Stop()
	for {
		sent, err := a.sendWelcome(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "welcome not sent", "error", err)
		}
		if sent && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sendWelcome sends one. The line in the log stands for the call of a mail provider. A crash behind it, before the commit, sends again: with the user's
// id as the idempotency key, which providers take for that, it is one mail.
func (a *app) sendWelcome(ctx context.Context) (sent bool, err error) {
	err = pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		var user string
		err := tx.QueryRow(ctx, `
update orders.welcomes set sent_at = now()
where id = (select id from orders.welcomes where sent_at is null order by due_at limit 1 for update skip locked)
returning user_id`).Scan(&user)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		a.log.InfoContext(ctx, "welcome", "user_id", user)
		sent = true
		return nil
	})
	return sent, err
}
