package subscribe_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/subscribe"
)

// A service's handlers: one function for each type of event that it does something about.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // a member of clerkstream_subscriber
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Close()
	conn, err := nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1))
	if err != nil {
		log.Print(err)
		return
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		log.Print(err)
		return
	}

	group, err := subscribe.New(subscribe.Config{
		Service: "orders", Instance: "prod", JetStream: js, Pool: pool, Log: slog.Default(),
		Handlers: []subscribe.Handler{
			subscribe.On("welcome", welcome),
			subscribe.InTx("unassign", pool, unassign),
		},
	})
	if err != nil {
		log.Print(err)
		return
	}
	if err := group.Run(ctx); err != nil {
		log.Print(err)
	}
}

// welcome happens at least once: after a crash in between it happens again. What cannot be done twice takes the event's id as its key.
func welcome(_ context.Context, e *events.UserCreated) error {
	address := e.Data.PrimaryEmail()
	if address == nil {
		return nil // who signed up by phone has none
	}
	err := sendMail(address.EmailAddress, e.ID)
	if errors.Is(err, errNoSuchMailbox) {
		return subscribe.Permanent(err) // no repetition mends it
	}
	return err // comes again, later and later
}

// unassign happens exactly once: its effect is in the transaction that also notes that it was done.
func unassign(ctx context.Context, tx pgx.Tx, e *events.OrganizationMembershipDeleted) error {
	_, err := tx.Exec(ctx, `update tasks set assignee = null where organization_id = $1 and assignee = $2`,
		e.Data.Organization.ID, e.Data.PublicUserData.UserID)
	return err
}

var errNoSuchMailbox = errors.New("no such mailbox")

// sendMail stands for a mailer that sends once for each key.
func sendMail(_, _ string) error { return nil }
