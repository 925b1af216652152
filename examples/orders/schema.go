package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// makeSchema brings schema orders to the state of this release. Its login owns the tables and is nobody else: the one that serves requests must not
// be the owner, who could switch row level security off.
func makeSchema(ctx context.Context, url string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect as owner of schema orders: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `create schema if not exists orders`); err != nil {
		return fmt.Errorf("create schema orders: %w", err)
	}
	migrator, err := migrate.NewMigrator(ctx, conn, "orders.schema_version")
	if err != nil {
		return fmt.Errorf("read version of schema orders: %w", err)
	}
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return err
	}
	if err := migrator.LoadMigrations(files); err != nil {
		return fmt.Errorf("load migrations: %w", err)
	}
	return migrator.Migrate(ctx)
}
