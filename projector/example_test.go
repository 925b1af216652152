package projector_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clerkstream/clerkstream/projections"
	"github.com/clerkstream/clerkstream/projector"
)

// A service's projector is a program of one line: flags, environment, health, metrics, signals, and the verbs rebuild, diff, switch and so on.
func ExampleMain() {
	os.Exit(projector.Main(projections.All()...))
}

// A program with a main of its own runs the engine beside everything else it does. Run returns when ctx ends, or with what waiting cannot mend.
func ExampleRun() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	readModels, err := projections.Select(projections.All(), []string{"users", "organizations", "organization_memberships"})
	if err != nil {
		log.Print(err)
		return
	}
	err = projector.Run(ctx, projector.Config{
		Service:     "orders",
		Instance:    "prod",
		Projections: readModels,
		DatabaseURL: os.Getenv("DATABASE_URL"), // straight to Postgres, not through a pooler
		NATSURL:     os.Getenv("NATS_URL"),
		VerifyEvery: time.Hour,
		Log:         slog.Default(),
		Metrics:     prometheus.DefaultRegisterer,
	})
	if errors.Is(err, projector.ErrLogIdentity) {
		log.Print("the stream was made anew: this read model belongs to another one")
		return
	}
	if err != nil {
		log.Print(err)
	}
}

// What the verbs of the binary do, a program can do: here it asks whether the rows are still what the stream says.
func ExampleOperator_Verify() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	operator, err := projector.NewOperator(ctx, projector.Config{
		Service: "orders", Instance: "prod", Projections: projections.All(),
		DatabaseURL: os.Getenv("DATABASE_URL"), NATSURL: os.Getenv("NATS_URL"),
	})
	if err != nil {
		log.Print(err)
		return
	}
	defer operator.Close()
	verified, err := operator.Verify(ctx, projector.VerifyOptions{})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(verified.Generation, verified.Differing, verified.Clean())
}
