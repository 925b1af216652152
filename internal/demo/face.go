package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// face serves a simulated Clerk over HTTP.
type face struct {
	listener net.Listener
	server   *http.Server
}

// faceTimeout bounds the end of requests in flight.
const faceTimeout = 5 * time.Second

func listen(addr string, clerk *clerksim.Clerk) (*face, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	return &face{l, &http.Server{Handler: clerk.Handler(), ReadHeaderTimeout: faceTimeout, ReadTimeout: faceTimeout}}, nil
}

// run serves until ctx ends, and then answers what it has begun.
func (f *face) run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(f.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the simulator: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), faceTimeout)
	defer cancel()
	err := f.server.Shutdown(ending)
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Serve serves a simulated Clerk on addr until ctx ends, for whoever has no stack. ready is told the address.
func Serve(ctx context.Context, addr string, clerk *clerksim.Clerk, ready func(addr string)) error {
	f, err := listen(addr, clerk)
	if err != nil {
		return err
	}
	ready(f.listener.Addr().String())
	return f.run(ctx)
}
