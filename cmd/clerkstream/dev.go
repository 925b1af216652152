package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/settings"
)

type devVerb struct {
	ListenAddr string   `env:"LISTEN_ADDR" default:"127.0.0.1:8080" help:"Where ingest takes deliveries; a free port is taken when this one is not free."`
	SimAddr    string   `default:"127.0.0.1:8090" help:"Where the simulator serves Clerk's keys, API, tokens and the management of faults; a free port as above."`
	Secret     string   `env:"CLERK_WEBHOOK_SIGNING_SECRET" help:"Signing secret of your own endpoint at Clerk; default: a new one, which is printed."`
	Seed       uint64   `default:"1" help:"Seed of the simulated traffic."`
	Rate       float64  `default:"2" help:"Simulated deliveries a second; 0 sends none, and the simulator has nobody until you create them over its API."`
	Programs   []string `name:"run" sep:"none" type:"existingfile" placeholder:"PROGRAM" help:"Start a program with the stack's addresses and logins in its environment, and end it with the stack. It is told where to listen by LISTEN_ADDR, and where the others are by <NAME>_URL. May be given again."`
	api
	grants
	Verbose bool `short:"v" help:"Show the parts' logs."`
}

func (v *devVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	v.api.examine(&problems)
	if err := problems.Err(); err != nil {
		return err
	}
	log, err := quietUnless(v.Verbose)
	if err != nil {
		return err
	}
	clerk := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Seed: v.Seed}, Limit: v.Limit})
	if err := clerk.SetFaults(v.Faults); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "starting a private Postgres and NATS, ingest and a projector …")
	c := demo.StackConfig{
		Instance: "default", Secret: v.Secret, ListenAddr: freeAddr(ctx, v.ListenAddr), Reachable: true, Log: log,
		Clerk: clerk, SimAddr: freeAddr(ctx, v.SimAddr),
	}
	err = demo.Run(ctx, c, v.stand)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stand keeps the stack standing until ctx ends.
func (v *devVerb) stand(ctx context.Context, s *demo.Stack) error {
	if v.Rate > 0 {
		if err := s.Found(ctx); err != nil {
			return err
		}
		if err := v.apply(s.Clerk()); err != nil {
			return err
		}
	}
	programs := choosePrograms(ctx, v.Programs)
	v.show(s, programs)
	parts, running := errgroup.WithContext(ctx)
	for _, p := range programs {
		parts.Go(func() error { return p.run(running, environment(s, programs)) })
	}
	parts.Go(func() error {
		if v.Rate > 0 {
			return s.Traffic(running, v.Rate)
		}
		<-running.Done()
		return nil
	})
	return parts.Wait()
}

// show prints commands under the name that this one was started by, so that they can be pasted: make dev runs bin/clerkstream, which is in no PATH.
func (v *devVerb) show(s *demo.Stack, programs []*program) {
	token := fmt.Sprintf("%s sim token --sim-url %s --role org:admin", os.Args[0], s.SimURL())
	fmt.Printf(`
webhook endpoint  %s
signing secret    %s
read model        psql '%s' -c 'select id, primary_email, banned from clerk.users order by updated_at desc limit 5'
stream            NATS_URL=%s, stream CLERK_DEFAULT
ingest metrics    http://%s/metrics
send one event    %s send user.created --url %s --secret %s

Clerk's keys      %s/.well-known/jwks.json, issuer %s
Clerk's API       %[9]s/v1, under the secret key
secret key        %[11]s
a token           %[12]s
break the API     curl -X PUT %[9]s/sim/faults -d '{"error_rate":0.1,"throttle_rate":0.01,"throttle":"3s"}'
lose webhooks     curl -X PUT %[9]s/sim/endpoint -d '{"off":true}'
`, s.WebhookURL(), s.Secret, s.DatabaseURL(), s.NATSURL(), s.Ingest.OpsAddr(), os.Args[0], s.WebhookURL(), s.Secret, s.SimURL(), s.Clerk().Issuer(), s.Clerk().SecretKey(), token)
	for _, p := range programs {
		fmt.Printf("%-17s %s\n", p.name, p.url())
		if p.name == "gateway" {
			fmt.Printf("%-17s curl -H \"Authorization: Bearer $(%s)\" %s/orders\n", "try it", token, p.url())
		}
	}
	fmt.Print("\nEverything lives in a temporary folder and goes with this process. Stop it with Ctrl-C.\n\n")
}

// freeAddr is addr, or the same host with a free port when the port is taken. Between this look and the part's own somebody may take it; then that
// part says so.
func freeAddr(ctx context.Context, addr string) string {
	if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err == nil {
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	fmt.Fprintf(os.Stderr, "%s is taken, using a free port\n", addr)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return addr
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
