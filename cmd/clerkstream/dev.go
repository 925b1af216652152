package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
)

type devVerb struct {
	ListenAddr string  `env:"LISTEN_ADDR" default:"127.0.0.1:8080" help:"Where ingest takes deliveries; a free port is taken when this one is not free."`
	Secret     string  `env:"CLERK_WEBHOOK_SIGNING_SECRET" help:"Signing secret of your own endpoint at Clerk; default: a new one, which is printed."`
	Seed       uint64  `default:"1" help:"Seed of the simulated traffic."`
	Rate       float64 `default:"2" help:"Simulated deliveries a second; 0 sends none."`
	Verbose    bool    `short:"v" help:"Show the parts' logs."`
}

func (v *devVerb) Run(ctx context.Context) error {
	log, err := quietUnless(v.Verbose)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "starting a private Postgres and NATS, ingest and a projector …")
	err = demo.Run(ctx, demo.StackConfig{Instance: "default", Secret: v.Secret, ListenAddr: freeAddr(ctx, v.ListenAddr), Reachable: true, Log: log},
		func(ctx context.Context, s *demo.Stack) error {
			v.show(s)
			if v.Rate <= 0 {
				<-ctx.Done()
				return nil
			}
			return v.traffic(ctx, s)
		})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (v *devVerb) show(s *demo.Stack) {
	fmt.Printf(`
webhook endpoint  %s
signing secret    %s
read model        psql '%s' -c 'select id, primary_email, banned from clerk.users limit 5'
stream            NATS_URL=%s, stream CLERK_DEFAULT
ingest metrics    http://%s/metrics
send one event    clerkstream send user.created --url %s --secret %s

Everything lives in a temporary folder and goes with this process. Stop it with Ctrl-C.
`, s.WebhookURL(), s.Secret, s.DatabaseURL(), s.NATSURL(), s.Ingest.OpsAddr(), s.WebhookURL(), s.Secret)
}

// traffic sends one history after the other, each from a seed of its own, until ctx ends.
func (v *devVerb) traffic(ctx context.Context, s *demo.Stack) error {
	for seed := v.Seed; ctx.Err() == nil; seed++ {
		sender, err := clerksim.NewSender(clerksim.SenderConfig{URL: s.WebhookURL(), Secret: s.Secret, Rate: v.Rate, Seed: seed, Compress: 1000})
		if err != nil {
			return err
		}
		world := clerksim.NewWorld(clerksim.Config{Seed: seed})
		if _, err := sender.Send(ctx, world.Next); err != nil {
			return err
		}
	}
	return nil
}

// freeAddr is addr, or the same host with port 0 when the port is taken. Between this look and ingest's own somebody may take it; then ingest
// says so.
func freeAddr(ctx context.Context, addr string) string {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		_ = l.Close()
		return addr
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	fmt.Fprintf(os.Stderr, "%s is taken, using a free port\n", addr)
	return net.JoinHostPort(host, "0")
}
