package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/settings"
)

// target is an endpoint and the secret it knows. A verb calls check before it posts; what posts nothing needs no secret.
type target struct {
	URL    string `env:"CLERK_WEBHOOK_URL" default:"http://127.0.0.1:8080/webhooks/clerk" help:"Endpoint to post to."`
	Secret string `env:"CLERK_WEBHOOK_SIGNING_SECRET" help:"Signing secret that the endpoint knows (whsec_…)."`
}

func (t target) check() error {
	var problems settings.Problems
	t.examine(&problems)
	return problems.Err()
}

func (t target) examine(problems *settings.Problems) {
	if strings.TrimPrefix(t.Secret, "whsec_") == "" {
		problems.Add("--secret, CLERK_WEBHOOK_SIGNING_SECRET", "is missing, and the endpoint refuses what is not signed with it")
	}
}

type simVerb struct {
	Run   simRunVerb   `cmd:"" default:"withargs" help:"Send a seeded history of signed webhooks to an endpoint; with --listen serve Clerk's keys and API too, and stay."`
	Token simTokenVerb `cmd:"" help:"Print a session token of a simulator that listens."`
}

type simRunVerb struct {
	target
	Seed          uint64  `default:"1" help:"Seed of the world; the same seed sends the same bytes, but for the times where it listens."`
	Users         int     `default:"200" help:"Users of the founding."`
	Organizations int     `default:"40" help:"Organizations of the founding."`
	Changes       int     `default:"1500" help:"Steps of the history behind the founding."`
	InstanceID    string  `help:"Clerk's instance id in the bodies (ins_…); default: one made from the seed."`
	Rate          float64 `default:"50" help:"Deliveries a second; 0 is as fast as possible."`
	Compress      float64 `default:"1000" help:"Divides the pauses of Svix' retries."`
	Duplicates    float64 `default:"0.05" help:"Share of messages delivered again."`
	Reorder       float64 `default:"0.1" help:"Share of messages held back behind others."`
	Late          float64 `default:"0.02" help:"Share of messages whose first attempts are lost."`

	Listen    string `placeholder:"ADDR" help:"Serve keys (/.well-known/jwks.json), Backend API (/v1/…), tokens (/sim/tokens) and the management of faults (/sim/faults, /sim/endpoint, /sim/requests) here, for example 127.0.0.1:8090, and stay until interrupted, whatever becomes of the webhooks. The founding then lies in the last two days, and what follows is of now."`
	Issuer    string `env:"CLERK_ISSUER" help:"Issuer of the tokens. Default: https://clerk.northwind.example."`
	Party     string `name:"authorized-party" default:"http://localhost:3000" help:"Origin of the tokens of web clients."`
	SecretKey string `env:"CLERK_SECRET_KEY" help:"Key of the Backend API (sk_test_…); default: a new one, which is printed."`
	api
	grants
}

// api is what the Backend API is like.
type api struct {
	Limit  int             `placeholder:"REQUESTS" help:"Requests that the Backend API takes in ten seconds, more get 429: Clerk's are 1000 in production and 100 in development. Default: as many as come."`
	Faults clerksim.Faults `placeholder:"JSON" help:"What goes wrong at the Backend API from the start, as PUT /sim/faults takes it, for example '{\"error_rate\":0.01,\"slow_rate\":0.05,\"slow\":\"2s\"}'. Others: throttle_rate with throttle, garbage_rate, garbage (ids), no_json_rate, cut_rate."`
}

func (a api) examine(problems *settings.Problems) {
	if a.Limit < 0 {
		problems.Add("--limit", "is negative")
	}
	if err := a.Faults.Validate(); err != nil {
		problems.Add("--faults", "%s", err)
	}
}

// grants are the custom permissions that a service's routes ask for.
type grants struct {
	Grant map[string]string `default:"org:admin=org:orders:manage" placeholder:"ROLE=PERMISSION,…" help:"Custom permissions of a role behind the founding, for tokens that are served; the default is what examples/orders asks of those who delete orders."`
}

func (g grants) apply(clerk *clerksim.Clerk) error {
	for role, permissions := range g.Grant {
		if err := clerk.DefineRole(role, strings.Split(permissions, ",")...); err != nil {
			return fmt.Errorf("grant %s: %w", role, err)
		}
	}
	return nil
}

func (v *simRunVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	v.target.examine(&problems)
	v.api.examine(&problems)
	if err := problems.Err(); err != nil {
		return err
	}
	world := clerksim.Config{Seed: v.Seed, Users: v.Users, Organizations: v.Organizations, Changes: v.Changes, InstanceID: v.InstanceID}
	if v.Listen != "" {
		return v.stay(ctx, v.clerk(world))
	}
	report, err := v.send(ctx, v.sender(), clerksim.NewWorld(world).Next)
	if err == nil && report.GivenUp > 0 {
		err = fmt.Errorf("%d messages were given up", report.GivenUp)
	}
	return err
}

func (v *simRunVerb) clerk(world clerksim.Config) *clerksim.Clerk {
	return clerksim.NewClerk(clerksim.ClerkConfig{
		World: world, Issuer: v.Issuer, AuthorizedParty: v.Party, SecretKey: v.SecretKey, Limit: v.Limit,
	})
}

// stay serves the Clerk and tells its history to wherever its endpoint is by then, until ctx ends.
func (v *simRunVerb) stay(ctx context.Context, clerk *clerksim.Clerk) error {
	if err := errors.Join(clerk.SetFaults(v.Faults), clerk.SetEndpoint(clerksim.Endpoint{URL: v.URL, Secret: v.Secret})); err != nil {
		return err
	}
	c := v.sender()
	c.Endpoint = clerk.Endpoint
	parts, running := errgroup.WithContext(ctx)
	parts.Go(func() error {
		return demo.Serve(running, v.Listen, clerk, func(addr string) { v.show(addr, clerk) })
	})
	parts.Go(func() error {
		if _, err := v.send(running, c, clerk.NextFounding); err != nil {
			return err
		}
		if err := v.apply(clerk); err != nil {
			return err
		}
		_, err := v.send(running, c, clerk.Next)
		return err
	})
	parts.Go(func() error { return demo.Courier(running, c, clerk) })
	if err := parts.Wait(); !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		return err
	}
	return nil
}

func (v *simRunVerb) show(addr string, clerk *clerksim.Clerk) {
	fmt.Printf(`keys               http://%[1]s/.well-known/jwks.json
issuer             %[2]s
authorized party   %[3]s
secret key         %[4]s
whom there is      curl http://%[1]s/sim/world
a token            clerkstream sim token --sim-url http://%[1]s --role org:admin
remove a member    curl -X DELETE -H 'Authorization: Bearer %[4]s' http://%[1]s/v1/organizations/<org_…>/memberships/<user_…>
list users         curl -H 'Authorization: Bearer %[4]s' 'http://%[1]s/v1/users?limit=2'
break the API      curl -X PUT http://%[1]s/sim/faults -d '{"error_rate":0.1,"throttle_rate":0.01,"throttle":"3s"}'
lose webhooks      curl -X PUT http://%[1]s/sim/endpoint -d '{"off":true}'   (also url, secret, clock_offset)
what was asked     curl http://%[1]s/sim/requests
`, addr, clerk.Issuer(), clerk.AuthorizedParty(), clerk.SecretKey())
}

func (v *simRunVerb) sender() clerksim.SenderConfig {
	return clerksim.SenderConfig{URL: v.URL, Secret: v.Secret, Seed: v.Seed, Compress: v.Compress}
}

func (v *simRunVerb) send(ctx context.Context, c clerksim.SenderConfig, next func() (clerksim.Message, bool)) (clerksim.SendReport, error) {
	c.Rate, c.DuplicateRate, c.ReorderRate, c.LateRate = v.Rate, v.Duplicates, v.Reorder, v.Late
	sender, err := clerksim.NewSender(c)
	if err != nil {
		return clerksim.SendReport{}, err
	}
	report, err := sender.Send(ctx, next)
	fmt.Fprintln(os.Stdout, report)
	return report, err
}
