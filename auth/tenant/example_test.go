package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
)

// Neither statement names an organization: the transaction does, and the policies hold it. The login of the pool is a member of clerkstream_tenant.
func ExampleInTx() {
	pool, err := pgxpool.New(context.Background(), os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Close()

	place := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var orders int
		err := tenant.InTx(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `insert into orders.orders (item) values ($1)`, r.FormValue("item")); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `select count(*) from orders.orders`).Scan(&orders)
		})
		if err != nil {
			auth.WriteProblem(w, r, err)
			return
		}
		fmt.Fprintln(w, orders)
	})
	http.Handle("POST /orders", auth.RequireOrg(place))
}

// Who is nobody gets no transaction: not all rows, and not none.
func ExampleInTx_nobody() {
	pool, err := pgxpool.New(context.Background(), "postgres://127.0.0.1:1/nowhere") // it connects when it has to, which here is never
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	err = tenant.InTx(context.Background(), pool, func(pgx.Tx) error { return nil })
	fmt.Println(errors.Is(err, tenant.ErrNoIdentity))
	// Output: true
}
