package hydrate_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/directory"
	"github.com/clerkstream/clerkstream/directory/hydrate"
)

// A service whose directory fetches what it misses: a new user's first request finds its user, however late the webhook is.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("READER_DATABASE_URL")) // a member of clerkstream_reader
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Close()
	nc, err := nats.Connect(os.Getenv("NATS_URL")) // as the user subscriber
	if err != nil {
		log.Print(err)
		return
	}
	defer nc.Close()

	fetch, err := hydrate.New(hydrate.Config{Conn: nc, Instance: "prod", Pool: pool})
	if err != nil {
		log.Print(err)
		return
	}
	who, err := directory.New(directory.Config{Pool: pool, ListenURL: os.Getenv("READER_DATABASE_URL"), Missing: fetch.Missing})
	if err != nil {
		log.Print(err)
		return
	}
	// … who.Run in a goroutine of its own, as in the example of package directory.

	switch user, err := who.User(ctx, "user_2b…"); { // the subject of a verified session token
	case errors.Is(err, directory.ErrNotFound):
		fmt.Println("Clerk has no such user, or no longer")
	case errors.Is(err, hydrate.ErrUnavailable), errors.Is(err, hydrate.ErrBusy):
		fmt.Println("answer 503: whether there is such a user cannot be known now")
	case err != nil:
		log.Print(err)
	default:
		fmt.Println(user.FirstName)
	}
}
