package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/sequencelog"
	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// envPart names the part that this binary is to be. The rest of what a part is told stands under the names that the real ones read.
const envPart = "CLERKSTREAM_TEST_PART"

// parts are the processes that a crash test kills; the functions are their main functions.
var parts = map[string]func() int{"ingest": mainIngest, "projector": mainProjector, "hasty": mainHasty}

// runPart ends the process when its parent is no more.
func runPart(part func() int) (status int) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	return part()
}

// mainIngest is what cmd/ingest does once it has read its settings.
func mainIngest() int {
	server, err := ingest.New(ingest.Config{
		ListenAddr: os.Getenv("LISTEN_ADDR"), OpsAddr: os.Getenv("OPS_ADDR"), NATS: settings.NATS{URL: os.Getenv("NATS_URL")},
		Instances: []ingest.Instance{{Name: os.Getenv("CLERK_INSTANCE"), Secrets: []string{secret}}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		return 1
	}
	return 0
}

// mainProjector is a service's own projector, with one read model more.
func mainProjector() int {
	return projector.Main(append(projections.All(), sequencelog.Projection{})...)
}

// mainHasty is an ingest that answers before the broker does: what a 2xx must never be.
func mainHasty() int {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "hasty:", err)
		return 1
	}
	server := &http.Server{Addr: os.Getenv("LISTEN_ADDR"), ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e, _ := events.New(events.Intake{ID: r.Header.Get("svix-id"), Instance: os.Getenv("CLERK_INSTANCE"), Source: events.SourceWebhook, Received: time.Now()}, body)
		w.WriteHeader(http.StatusNoContent)
		time.AfterFunc(50*time.Millisecond, func() { _ = nc.PublishMsg(testkit.Message(e)) })
	})}
	fmt.Fprintln(os.Stderr, "hasty:", server.ListenAndServe())
	return 1
}
