package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// order is one as callers see it. The names come from the read model at the moment of reading, so that nobody keeps copies of people.
type order struct {
	ID           string    `json:"id"`
	Item         string    `json:"item"`
	Quantity     int       `json:"quantity"`
	Status       string    `json:"status"`
	BuyerID      string    `json:"buyer_id"`
	Buyer        *string   `json:"buyer"` // null for who has left
	AssigneeID   *string   `json:"assignee_id"`
	Assignee     *string   `json:"assignee"`
	Organization *string   `json:"organization"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// None of the statements below names an organization. The transaction does (auth/tenant), the policies of orders.orders and of the views in
// schema clerk hold it, and so no statement that somebody adds can forget it.

const selectOrders = `
select o.id::text as id, o.item, o.quantity, o.status, o.buyer_id, nullif(concat_ws(' ', b.first_name, b.last_name), '') as buyer,
  o.assignee_id, nullif(concat_ws(' ', a.first_name, a.last_name), '') as assignee, g.name as organization, o.created_at, o.updated_at
from orders.orders o
left join clerk.users b on b.id = o.buyer_id
left join clerk.users a on a.id = o.assignee_id
left join clerk.organizations g on g.id = o.organization_id `

// listOrders gives the newest orders of a status, or of all, and how many there are.
func listOrders(ctx context.Context, tx pgx.Tx, status string, limit int) (orders []order, total int, err error) {
	if err := tx.QueryRow(ctx, `select count(*) from orders.orders where $1 in ('', status)`, status).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := tx.Query(ctx, selectOrders+`where $1 in ('', o.status) order by o.created_at desc, o.id limit $2`, status, limit)
	if err != nil {
		return nil, 0, err
	}
	orders, err = pgx.CollectRows(rows, pgx.RowToStructByName[order])
	return orders, total, err
}

// findOrder returns pgx.ErrNoRows for an order that does not exist and for one of another tenant: nobody can tell the two apart.
func findOrder(ctx context.Context, tx pgx.Tx, id string) (order, error) {
	rows, err := tx.Query(ctx, selectOrders+`where o.id = $1`, id)
	if err != nil {
		return order{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[order])
}

func insertOrder(ctx context.Context, tx pgx.Tx, buyer, item string, quantity int) (order, error) {
	var id string
	err := tx.QueryRow(ctx, `insert into orders.orders (buyer_id, item, quantity) values ($1, $2, $3) returning id::text`, buyer, item, quantity).Scan(&id)
	if err != nil {
		return order{}, err
	}
	return findOrder(ctx, tx, id)
}

// change is what a PATCH may say; what is nil stays. An empty assignee unassigns.
type change struct {
	Status     *string `json:"status"`
	Quantity   *int    `json:"quantity"`
	AssigneeID *string `json:"assignee_id"`
}

func updateOrder(ctx context.Context, tx pgx.Tx, id string, c change) (order, error) {
	done, err := tx.Exec(ctx, `
update orders.orders set
  status = coalesce($2, status), quantity = coalesce($3, quantity), updated_at = now(),
  assignee_id = case when $4::text is null then assignee_id else nullif($4, '') end,
  assigned_at = case when $4::text is null then assigned_at when $4 = '' then null else now() end
where id = $1`, id, c.Status, c.Quantity, c.AssigneeID)
	if err == nil && done.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return order{}, err
	}
	return findOrder(ctx, tx, id)
}

func deleteOrder(ctx context.Context, tx pgx.Tx, id string) error {
	done, err := tx.Exec(ctx, `delete from orders.orders where id = $1`, id)
	if err == nil && done.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	return err
}

func deleteCancelled(ctx context.Context, tx pgx.Tx) (int64, error) {
	done, err := tx.Exec(ctx, `delete from orders.orders where status = 'cancelled'`)
	return done.RowsAffected(), err
}

// unassignOrders takes the open orders from a member who left. Who came back and was given one since keeps it: the event is then the older fact.
func unassignOrders(ctx context.Context, tx pgx.Tx, user string, left time.Time) (int64, error) {
	done, err := tx.Exec(ctx, `
update orders.orders set assignee_id = null, assigned_at = null, updated_at = now()
where assignee_id = $1 and status = 'open' and assigned_at <= $2`, user, left)
	return done.RowsAffected(), err
}
