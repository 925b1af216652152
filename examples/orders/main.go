// Command orders is a service behind a gateway: it stores the orders of many tenants, each of whom sees their own. It shows what package after package
// of clerkstream is for:
//
//	routes.go      who may do what
//	app.go         how the parts are put together
//	order.go       SQL that names no tenant, and joins the local read model
//	reactions.go   what the service does when Clerk tells something
//	schema/        tables and their row level security
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"
)

func main() { os.Exit(start()) }

func start() (exitCode int) {
	var v verbs
	verb := kong.Parse(&v, kong.Name("orders"), kong.Description("Orders of many tenants, behind a gateway."))
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("program", "orders")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if verb.Command() == "migrate" {
		err = makeSchema(ctx, v.Migrate.OwnerDatabaseURL)
	} else {
		err = run(ctx, v.Run, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "orders:", err)
		return 1
	}
	return 0
}

// run serves until ctx ends, and then finishes what it has begun.
func run(ctx context.Context, c config, log *slog.Logger) error {
	if c.OwnerDatabaseURL != "" {
		if err := makeSchema(ctx, c.OwnerDatabaseURL); err != nil {
			return err
		}
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return err
	}
	defer a.close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.ListenAddr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	parts, running := errgroup.WithContext(ctx)
	for _, part := range a.parts() {
		parts.Go(func() error { return part(running) })
	}
	parts.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	parts.Go(func() error {
		<-running.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
		defer cancel()
		return server.Shutdown(ending)
	})
	return parts.Wait()
}
