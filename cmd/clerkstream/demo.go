package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/progress"
)

type demoVerb struct {
	Seed          uint64  `default:"1" help:"Seed of the history."`
	Users         int     `default:"200" help:"Users of the founding."`
	Organizations int     `default:"40" help:"Organizations of the founding."`
	Changes       int     `default:"1500" help:"Steps of the history behind the founding."`
	Rate          float64 `default:"250" help:"Deliveries a second; 0 is as fast as possible."`
	Verbose       bool    `short:"v" help:"Show the parts' logs."`
}

func (v *demoVerb) Run(ctx context.Context) error {
	log, err := quietUnless(v.Verbose)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "starting a private Postgres and NATS, ingest and a projector …")
	shown := progress.New(os.Stderr, "delivering")
	defer shown.End()
	return demo.Demo(ctx, demo.Config{
		Seed: v.Seed, Users: v.Users, Organizations: v.Organizations, Changes: v.Changes, Rate: v.Rate,
		Out: os.Stdout, Progress: shown.At,
		Stack: demo.StackConfig{Instance: "demo", ListenAddr: "127.0.0.1:0", Log: log},
	})
}

func quietUnless(verbose bool) (*slog.Logger, error) {
	level := "error"
	if verbose {
		level = "info"
	}
	return ops.NewLogger(os.Stderr, ops.FormatText, level)
}
