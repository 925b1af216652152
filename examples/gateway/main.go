// Command gateway is an API gateway: it verifies who is calling, once, and sends requests on to services that then trust it and not the network.
// Each file is one idea; read config.go, gateway.go, identity_headers.go, path.go, limiter.go.
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
	var c config
	kong.Parse(&c, kong.Name("gateway"), kong.Description("Verifies Clerk's session tokens and forwards requests with identity tokens of its own."))
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("program", "gateway")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, os.Getenv, log); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		return 1
	}
	return 0
}

// run is the program.
func run(ctx context.Context, c config, getenv func(string) string, log *slog.Logger) error {
	g, err := newGateway(ctx, c, getenv, log)
	if err != nil {
		return err
	}
	defer g.close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.ListenAddr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.InfoContext(ctx, "listening", "address", listener.Addr().String(), "services", c.Services)
	return g.serve(ctx, listener, c.ShutdownTimeout)
}

// serve answers requests until ctx ends, and then those that it has taken.
func (g *gateway) serve(ctx context.Context, listener net.Listener, shutdownTimeout time.Duration) error {
	// Requests outlive ctx: an interrupt lets them finish. WebSockets do not finish by themselves; this ends them, when all else is done.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{
		Handler:           g.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	parts, running := errgroup.WithContext(ctx)
	if g.denylist != nil {
		parts.Go(func() error { return g.denylist.Run(running) })
	}
	parts.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	parts.Go(func() error {
		<-running.Done()
		defer cut()
		ending, cancel := context.WithTimeout(requests, shutdownTimeout)
		defer cancel()
		return server.Shutdown(ending)
	})
	if err := parts.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
