package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
)

type provisionVerb struct {
	settings.NATS
	Instances       []string      `env:"CLERK_INSTANCES,CLERK_INSTANCE" default:"default" help:"Clerk environments to provision, separated by commas."`
	Replicas        int           `env:"STREAM_REPLICAS" help:"Copies of the stream, 1 or 3; default: as the stream is, 1 for a new one."`
	DuplicateWindow time.Duration `env:"DUPLICATE_WINDOW" help:"How long JetStream recognises a message id; default: as in stream.json."`
	Wait            time.Duration `default:"30s" help:"How long to wait for the broker."`
}

func (v *provisionVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	if v.NATS.Resolve(os.LookupEnv, &problems); problems.Err() != nil {
		return problems.Err()
	}
	log, err := ops.NewLogger(os.Stderr, ops.FormatText, "warn")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	changed := make(chan struct{}, 1)
	nc, err := v.NATS.Connect(settings.ConnectOptions{Name: "clerkstream provision", Log: log, Changed: func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return err
	}
	defer nc.Close()
	for !nc.IsConnected() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("broker is not reachable: %w", ctx.Err())
		case <-changed:
		}
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	for _, instance := range v.Instances {
		outcome, err := broker.Provision(ctx, js, instance, broker.Settings{Replicas: v.Replicas, DuplicateWindow: v.DuplicateWindow})
		if err != nil {
			return err
		}
		fmt.Printf("%s %s\n", broker.StreamName(instance), outcome)
	}
	return nil
}
