// Package migrate applies the operational schema's migrations. It stands apart from schema so that only the tools that migrate link the
// migration library.
package migrate

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/clerkstream/clerkstream/schema"
)

// Up brings the database behind databaseURL to schema.Version and reports the versions before and after. It needs a login that may create
// schemas and roles. Concurrent calls wait for each other on tern's advisory lock; each migration is one transaction, so a crash leaves
// the version in front of the one that was running.
func Up(ctx context.Context, databaseURL string) (from, to int32, err error) {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return 0, 0, fmt.Errorf("connect to migrate: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	// The version table lives in the schema that the first migration fills, so the schema must be there before it.
	// "if not exists" alone can still collide with another migration in its first moment, hence the lock.
	if _, err := conn.Exec(ctx, `begin; select pg_advisory_xact_lock(hashtext('clerkstream')); create schema if not exists clerkstream; commit`); err != nil {
		return 0, 0, fmt.Errorf("create schema clerkstream: %w", err)
	}
	migrator, err := migrate.NewMigrator(ctx, conn, schema.VersionTable)
	if err != nil {
		return 0, 0, fmt.Errorf("prepare migrations: %w", err)
	}
	files, err := fs.Sub(schema.Migrations, "migrations")
	if err != nil {
		return 0, 0, err
	}
	if err := migrator.LoadMigrations(files); err != nil {
		return 0, 0, fmt.Errorf("load migrations: %w", err)
	}
	if from, err = migrator.GetCurrentVersion(ctx); err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	if from > schema.Version {
		return from, from, fmt.Errorf("%w: it is %d and this binary knows %d", schema.ErrTooNew, from, schema.Version)
	}
	if err := migrator.Migrate(ctx); err != nil {
		return from, from, fmt.Errorf("migrate from %d: %w", from, err)
	}
	return from, schema.Version, nil
}
