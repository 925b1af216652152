package main

import (
	"context"
	"errors"
	"os"

	"github.com/clerkstream/clerkstream/internal/checkup"
	"github.com/clerkstream/clerkstream/internal/settings"
)

type statusVerb struct{ checkupFlags }

// errUnseen makes the exit status 1. What could be read has been printed.
var errUnseen = errors.New("a part of it could not be read: see the lines that say unseen, and clerkstream doctor")

// Help is what --help adds.
func (*statusVerb) Help() string {
	return `Shows the stream, the generations of every service in the database and how far they are, open dead letters, the last comparison of each kind with Clerk, what the
watch hears, and outages. It does not judge: clerkstream doctor does.

Exit status: 0 when all that is set could be read, 1 when not, 2 when a setting is wrong.`
}

func (v *statusVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	c := v.config(&problems)
	if c.NATS == nil && c.DatabaseURL == "" {
		problems.Add("NATS_URL, DATABASE_URL", "are missing: there is nothing to look at")
	}
	if err := problems.Err(); err != nil {
		return err
	}
	state := checkup.Survey(ctx, c)
	write := state.Print
	if v.JSON {
		write = state.JSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if state.Broken {
		return errUnseen
	}
	return nil
}
