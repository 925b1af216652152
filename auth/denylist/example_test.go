package denylist_test

import (
	"context"
	"log"
	"log/slog"
	"os"
	"os/signal"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/denylist"
)

// The verifier asks the denylist about each token that is otherwise good. Run keeps the list beside the server.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	pool, err := pgxpool.New(ctx, os.Getenv("READER_DATABASE_URL")) // a member of clerkstream_reader
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Close()
	revoked, err := denylist.New(denylist.Config{
		Pool:     pool,
		WhenLost: denylist.FailClosed,
		Metrics:  prometheus.DefaultRegisterer,
		Log:      slog.Default(),
	})
	if err != nil {
		log.Print(err)
		return
	}
	keys, err := auth.NewKeySet(auth.KeySetConfig{Issuer: "https://clerk.example.com"})
	if err != nil {
		log.Print(err)
		return
	}
	defer keys.Close()
	verifier, err := auth.NewVerifier(auth.Config{
		Issuers: []*auth.KeySet{keys}, AuthorizedParties: []string{"https://app.example.com"}, Revocations: revoked,
	})
	if err != nil {
		log.Print(err)
		return
	}

	parts, running := errgroup.WithContext(ctx)
	parts.Go(func() error { return revoked.Run(running) })
	parts.Go(func() error { return serve(running, verifier) })
	if err := parts.Wait(); err != nil {
		log.Print(err)
	}
}

// serve stands for the service's server, behind auth.Middleware(a).
func serve(ctx context.Context, a auth.Authenticator) error {
	_ = auth.Middleware(a)
	<-ctx.Done()
	return nil
}
