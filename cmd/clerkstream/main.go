// Command clerkstream is the tool around the two services: a demonstration, a development stack, the simulator, and the operator's verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/clerkstream/clerkstream/internal/settings"
)

type verbs struct {
	Demo      demoVerb      `cmd:"" help:"Run a seeded history through a private stack and compare the rows with the truth."`
	Dev       devVerb       `cmd:"" help:"Keep a private stack standing, with simulated traffic, until interrupted."`
	Sim       simVerb       `cmd:"" help:"Play Clerk: signed webhooks of a seeded history, session tokens and their keys."`
	Send      sendVerb      `cmd:"" help:"Send one signed sample webhook to an endpoint."`
	Provision provisionVerb `cmd:"" help:"Create or mend the stream of an instance."`
	Migrate   migrateVerb   `cmd:"" help:"Bring a service's database to the operational schema of this release."`
	Rls       rlsVerb       `cmd:"" help:"Row level security: protect a service's own tables, and test whether tenants are kept apart."`
	Watch     watchVerb     `cmd:"" help:"Keep the read models complete: fill, compare with Clerk, fetch what is missing, tell when webhooks do not come."`
	Backfill  backfillVerb  `cmd:"" help:"Read everything from Clerk's Backend API and publish what the read model does not have."`
	Reconcile reconcileVerb `cmd:"" help:"Compare Clerk with the read model and publish what differs."`
	Doctor    doctorVerb    `cmd:"" help:"Check an installation from the clock to the read model, and say what to do about what is wrong."`
	Status    statusVerb    `cmd:"" help:"Show the stream, the services, the last comparison with Clerk and the watch on one screen."`
}

func main() {
	os.Exit(run())
}

// run returns 0 when the verb did its work, 1 when it failed, 2 when it was told something wrong.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var v verbs
	parser, err := kong.New(&v, kong.Name("clerkstream"), kong.UsageOnError(),
		kong.Description("Clerk's users and organizations in your own Postgres: complete, in order, provably right, and rebuildable."))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return settings.ExitCode
	}
	verb, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "clerkstream:", err)
		return settings.ExitCode
	}
	verb.BindTo(ctx, (*context.Context)(nil))
	err = verb.Run()
	var wrong *settings.Error
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, "clerkstream:", wrong)
		return settings.ExitCode
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "clerkstream: interrupted")
		return 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "clerkstream:", err)
		return 1
	}
	return 0
}
