package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// logins are the URLs of an example service's three logins.
type logins struct{ tenant, reader, owner string }

// makeLogins makes them as an operator would, from the roles of the operational schema. The password is one for all, and new.
func makeLogins(ctx context.Context, superuserURL string) (logins, error) {
	conn, err := pgx.Connect(ctx, superuserURL)
	if err != nil {
		return logins{}, fmt.Errorf("connect to postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	password := rand.Text() // letters and digits
	statements := fmt.Sprintf(`
		create role orders_api login password '%[1]s';
		grant clerkstream_tenant, clerkstream_subscriber to orders_api;
		create role orders_reader login password '%[1]s';
		grant clerkstream_reader to orders_reader;
		create role orders_owner login password '%[1]s';
		grant create on database %[2]s to orders_owner`, password, database)
	if _, err := conn.Exec(ctx, statements); err != nil {
		return logins{}, fmt.Errorf("make logins: %w", err)
	}
	u, err := url.Parse(superuserURL)
	if err != nil {
		return logins{}, fmt.Errorf("database url: %w", err)
	}
	as := func(login string) string {
		u.User = url.UserPassword(login, password)
		return u.String()
	}
	return logins{tenant: as("orders_api"), reader: as("orders_reader"), owner: as("orders_owner")}, nil
}
