// Package schema is the operational side of a service's database: positions, generations and dead letters, in the Postgres schema
// clerkstream. The numbered migrations here are the only thing that changes it; read models are made by projections, generation by generation.
package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations holds migrations/NNN_name.sql.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Version is the number of the newest migration: the schema that this code reads and writes.
const Version = 3

// VersionTable is where the applied version is kept.
const VersionTable = "clerkstream.schema_version"

// The reasons to refuse a database. Both are mended by running the migrations of the newer side.
var (
	ErrTooOld = errors.New("operational schema is too old")
	ErrTooNew = errors.New("operational schema is too new")
)

// Check reads the database's schema version and refuses any but Version: an older one lacks what this code writes, a newer one may
// mean something else by the same name. The error names the command that mends it.
func Check(ctx context.Context, conn *pgx.Conn) error {
	var have int32
	err := conn.QueryRow(ctx, `select version from clerkstream.schema_version`).Scan(&have)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000"):
		have = 0
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case have < Version:
		return fmt.Errorf("%w: it is %d and this binary needs %d; run clerkstream migrate", ErrTooOld, have, Version)
	case have > Version:
		return fmt.Errorf("%w: it is %d and this binary knows %d; run a newer release", ErrTooNew, have, Version)
	}
	return nil
}
