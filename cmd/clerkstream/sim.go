package main

import (
	"context"
	"fmt"
	"os"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// target is an endpoint and the secret it knows.
type target struct {
	URL    string `env:"CLERK_WEBHOOK_URL" default:"http://127.0.0.1:8080/webhooks/clerk" help:"Endpoint to post to."`
	Secret string `env:"CLERK_WEBHOOK_SIGNING_SECRET" required:"" help:"Signing secret that the endpoint knows (whsec_…)."`
}

type simVerb struct {
	target
	Seed          uint64  `default:"1" help:"Seed of the world; the same seed sends the same bytes."`
	Users         int     `default:"200" help:"Users of the founding."`
	Organizations int     `default:"40" help:"Organizations of the founding."`
	Changes       int     `default:"1500" help:"Steps of the history behind the founding."`
	InstanceID    string  `help:"Clerk's instance id in the bodies (ins_…); default: one made from the seed."`
	Rate          float64 `default:"50" help:"Deliveries a second; 0 is as fast as possible."`
	Compress      float64 `default:"1000" help:"Divides the pauses of Svix' retries."`
	Duplicates    float64 `default:"0.05" help:"Share of messages delivered again."`
	Reorder       float64 `default:"0.1" help:"Share of messages held back behind others."`
	Late          float64 `default:"0.02" help:"Share of messages whose first attempts are lost."`
}

func (v *simVerb) Run(ctx context.Context) error {
	world := clerksim.NewWorld(clerksim.Config{
		Seed: v.Seed, Users: v.Users, Organizations: v.Organizations, Changes: v.Changes, InstanceID: v.InstanceID,
	})
	sender, err := clerksim.NewSender(clerksim.SenderConfig{
		URL: v.URL, Secret: v.Secret, Rate: v.Rate, Compress: v.Compress, Seed: v.Seed,
		DuplicateRate: v.Duplicates, ReorderRate: v.Reorder, LateRate: v.Late,
	})
	if err != nil {
		return err
	}
	report, err := sender.Send(ctx, world.Next)
	fmt.Fprintln(os.Stdout, report)
	if err == nil && report.GivenUp > 0 {
		err = fmt.Errorf("%d messages were given up", report.GivenUp)
	}
	return err
}
