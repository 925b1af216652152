package main

import (
	"context"
	"errors"
	"os"

	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/settings"
)

type doctorVerb struct {
	checkupFlags
	ClerkID      string `name:"clerk-instance-id" env:"CLERK_INSTANCE_ID" help:"Clerk's own id of the instance, ins_…; default: as the newest messages of the stream say."`
	APIURL       string `name:"api-url" env:"CLERK_API_URL" default:"https://api.clerk.com" help:"Clerk's Backend API. CLERK_SECRET_KEY or CLERK_SECRET_KEY_FILE has the key to try."`
	WebhookURL   string `name:"webhook-url" env:"CLERK_WEBHOOK_URL" help:"The endpoint as Clerk's dashboard has it; it is asked with a GET."`
	IngestOpsURL string `name:"ingest-ops-url" env:"INGEST_OPS_URL" help:"Private addresses of every ingest, http://host:9090, separated by commas."`
}

// errUnwell makes the exit status 1. What is wrong has been printed.
var errUnwell = errors.New("something does not work: see the lines that say failure")

// Help is what --help adds.
func (*doctorVerb) Help() string {
	return `Reads the settings that ingest, projector and watch have, looks at everything they name, and changes nothing. What is not set is skipped, and the line says what
to set. CLERK_WEBHOOK_SIGNING_SECRET and CLERK_SECRET_KEY come from the environment or from a file (…_FILE), and are never printed.

Exit status: 0 when all is well or there are only warnings, 1 when something failed, 2 when a setting is wrong.`
}

func (v *doctorVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	c := v.config(&problems)
	instances := settings.NewInstances(os.LookupEnv, &problems, v.Instance, "")
	webhook, _ := instances.Secret(&problems, "CLERK_WEBHOOK_SIGNING_SECRET", v.Instance)
	c.WebhookSecrets = settings.List(webhook)
	c.SecretKey, _ = instances.Secret(&problems, "CLERK_SECRET_KEY", v.Instance)
	c.ClerkID, c.APIURL, c.WebhookURL, c.IngestURLs = v.ClerkID, v.APIURL, v.WebhookURL, settings.List(v.IngestOpsURL)
	if err := problems.Err(); err != nil {
		return err
	}
	report := checkup.Examine(ctx, c)
	write := report.Print
	if v.JSON {
		write = report.JSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if report.Verdict == checkup.Failure {
		return errUnwell
	}
	return nil
}
