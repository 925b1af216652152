package main

import (
	"context"
	"time"

	"github.com/clerkstream/clerkstream/internal/ops"
	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/internal/watch"
)

type watchVerb struct {
	backendFlags `embed:"" set:"log_level=info"`
	OpsAddr      string        `env:"OPS_ADDR" default:"127.0.0.1:9092" help:"Private address of /healthz, /readyz, /metrics and profiles."`
	Share        float64       `name:"budget-share" env:"CLERK_BUDGET_SHARE" default:"0.5" help:"Part of the budget that walks may use. The rest is for missing objects that somebody waits for, and for the application itself."`
	RecentEvery  time.Duration `name:"recent-every" env:"RECONCILE_RECENT_EVERY" default:"5m" help:"How often users are read by their last change; 0 is never."`
	FullAt       string        `name:"full-at" env:"RECONCILE_FULL_AT" default:"03:00" help:"Time of day, UTC, from which everything is compared once a day, half an hour later at most; off is never."`
	IngestOpsURL string        `name:"ingest-ops-url" env:"INGEST_OPS_URL" help:"Private addresses of every ingest, http://host:9090, separated by commas: they tell why webhooks do not come."`
	WebhookURL   string        `name:"webhook-url" env:"CLERK_WEBHOOK_URL" help:"The endpoint as Clerk's dashboard has it; it is asked when webhooks do not come."`
	CanaryUser   string        `name:"canary-user" env:"CANARY_USER" placeholder:"user_…" help:"A user that is there for this alone: its private metadata is touched, and the webhook expected back."`
	CanaryEvery  time.Duration `name:"canary-every" env:"CANARY_EVERY" default:"5m" help:"How often."`
	CanaryLimit  time.Duration `name:"canary-limit" env:"CANARY_LIMIT" default:"2m" help:"How long the webhook may take."`
}

// Help is what --help adds.
func (*watchVerb) Help() string {
	return `Keeps the read models of an instance complete: fills them at the first start, compares them with Clerk (users every few minutes, everything each night) and
publishes what differs, fetches what a service misses at once, and tells when webhooks do not come. It is the only process that holds Clerk's secret key.

A second one stands by, and takes over when the first one ends.
` + backendHelp + `

Exit status: 0 after a clean stop, 1 when it could not go on, 2 when a setting is wrong.`
}

func (v *watchVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	c := v.config(&problems, ops.FormatJSON)
	c.OpsAddr, c.Share, c.RecentEvery = v.OpsAddr, v.Share, v.RecentEvery
	c.IngestURLs, c.WebhookURL = settings.List(v.IngestOpsURL), v.WebhookURL
	c.CanaryUser, c.CanaryEvery, c.CanaryLimit = v.CanaryUser, v.CanaryEvery, v.CanaryLimit
	var err error
	if c.FullAt, err = watch.ParseTimeOfDay(v.FullAt); err != nil {
		problems.Add("RECONCILE_FULL_AT", "%v", err)
	}
	c.Validate(&problems)
	if err := problems.Err(); err != nil {
		return err
	}
	p, err := watch.New(c)
	if err != nil {
		return err
	}
	return p.Run(ctx)
}
