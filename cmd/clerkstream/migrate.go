package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/clerkstream/clerkstream/internal/settings"
	"github.com/clerkstream/clerkstream/schema/migrate"
)

type migrateVerb struct {
	DatabaseURL string        `name:"database-url" env:"DATABASE_URL" help:"Database to migrate, as a login that may create schemas and roles; or DATABASE_URL_FILE."`
	Wait        time.Duration `default:"30s" help:"How long the whole may take."`
}

func (v *migrateVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	if v.DatabaseURL = settings.Env(os.LookupEnv).FlagOrSecret(&problems, "DATABASE_URL", v.DatabaseURL); v.DatabaseURL == "" {
		problems.Add("DATABASE_URL", "is missing")
	}
	if err := problems.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	from, to, err := migrate.Up(ctx, v.DatabaseURL)
	if err != nil {
		return err
	}
	if from == to {
		fmt.Printf("operational schema is at %d, nothing to do\n", to)
		return nil
	}
	fmt.Printf("operational schema migrated from %d to %d\n", from, to)
	return nil
}
