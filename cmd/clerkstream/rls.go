package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/rls"
	"github.com/clerkstream/clerkstream/internal/settings"
)

type rlsVerb struct {
	Protect rlsProtectVerb `cmd:"" help:"Print the SQL that shows each organization, or each user, its own rows of a service's table."`
	Test    rlsTestVerb    `cmd:"" help:"Plant two tenants, try every table, verb and role, and say what gets past. Everything is rolled back."`
}

type rlsProtectVerb struct {
	Table       string        `arg:"" help:"Table to protect, with its schema where it is not in the search path: shop.orders."`
	OrgColumn   string        `help:"Column with Clerk's organization id."`
	UserColumn  string        `help:"Column with Clerk's user id; with --org-column the rows are the user's in the organization."`
	Verbs       []string      `enum:"select,insert,update,delete" default:"select,insert,update,delete" help:"What tenants are granted (${enum})."`
	AllRows     []string      `placeholder:"ROLE" help:"Role that sees and writes every row, by a policy instead of BYPASSRLS: jobs across organizations. Repeatable."`
	NoDefault   bool          `help:"Leave the columns' defaults alone; without it the identity is the default."`
	DatabaseURL string        `name:"database-url" env:"DATABASE_URL" help:"Database to hold the table against, as the table's owner; or DATABASE_URL_FILE. Without one the SQL is printed unchecked."`
	Apply       bool          `help:"Run the SQL, in one transaction, instead of printing it alone."`
	Wait        time.Duration `default:"30s" help:"How long the whole may take."`
}

func (v *rlsProtectVerb) Run(ctx context.Context) error {
	p := &rls.Protection{Owner: rls.Ownership{OrgColumn: v.OrgColumn, UserColumn: v.UserColumn}, Verbs: v.Verbs, AllRows: v.AllRows, NoDefault: v.NoDefault}
	var problems settings.Problems
	var err error
	if p.Schema, p.Table, err = rls.ParseTable(v.Table); err != nil {
		problems.Add("<table>", "%v", err)
	}
	if v.OrgColumn == "" && v.UserColumn == "" {
		problems.Add("--org-column", "is missing, and --user-column too: whom do the rows belong to?")
	}
	if v.DatabaseURL = settings.Env(os.LookupEnv).FlagOrSecret(&problems, "DATABASE_URL", v.DatabaseURL); v.Apply && v.DatabaseURL == "" {
		problems.Add("DATABASE_URL", "is missing, and --apply needs it")
	}
	if err := problems.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	if v.DatabaseURL == "" {
		fmt.Print(p.SQL())
		fmt.Fprintln(os.Stderr, "clerkstream: not held against a database, for DATABASE_URL is not set")
		return nil
	}
	return withConnection(ctx, v.DatabaseURL, func(conn *pgx.Conn) error {
		if err := p.Look(ctx, conn); err != nil {
			return err
		}
		fmt.Print(p.SQL())
		if !v.Apply {
			return nil
		}
		if err := p.Apply(ctx, conn); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "clerkstream: applied to %s in %s\n", p.Name(), conn.Config().Database)
		return nil
	})
}

type rlsTestVerb struct {
	Table       []string          `help:"Table to try, with or without schema, or all. Repeatable. Default: the live read models, and every table with policies or with a column like organization_id."`
	Skip        []string          `help:"Table to leave alone. Repeatable."`
	OrgColumn   string            `help:"Column with the organization id, for the tables of --table."`
	UserColumn  string            `help:"Column with the user id, for the tables of --table."`
	Login       []string          `help:"Login of a service to try as, beside clerkstream_tenant. Repeatable."`
	Set         map[string]string `placeholder:"TABLE.COLUMN=VALUE" mapsep:"none" help:"Value for planted rows that cannot be guessed. Repeatable."`
	JSON        bool              `name:"json" help:"Print the report as JSON."`
	Timeout     time.Duration     `default:"5s" help:"How long one statement may take."`
	DatabaseURL string            `name:"database-url" env:"DATABASE_URL" help:"Database to test, best as a superuser; or DATABASE_URL_FILE."`
	Wait        time.Duration     `default:"10m" help:"How long the whole may take."`
}

// errFound makes the exit status 1. What was found has been printed.
var errFound = errors.New("tenants are not kept apart, or it could not be tried")

func (v *rlsTestVerb) Run(ctx context.Context) error {
	var problems settings.Problems
	if v.DatabaseURL = settings.Env(os.LookupEnv).FlagOrSecret(&problems, "DATABASE_URL", v.DatabaseURL); v.DatabaseURL == "" {
		problems.Add("DATABASE_URL", "is missing")
	}
	owner := rls.Ownership{OrgColumn: v.OrgColumn, UserColumn: v.UserColumn}
	if owner != (rls.Ownership{}) && len(v.Table) == 0 {
		problems.Add("--table", "is missing: which tables have the columns?")
	}
	if err := problems.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	return withConnection(ctx, v.DatabaseURL, func(conn *pgx.Conn) error {
		report, err := rls.Test(ctx, conn, rls.Config{Tables: v.Table, Skip: v.Skip, Owner: owner, Logins: v.Login, Set: v.Set, Timeout: v.Timeout})
		if err != nil {
			return err
		}
		if err := v.print(report); err != nil {
			return err
		}
		if report.Wrong() > 0 {
			return errFound
		}
		return nil
	})
}

func (v *rlsTestVerb) print(report *rls.Report) error {
	if !v.JSON {
		return report.Print(os.Stdout)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// withConnection opens one connection and closes it even when ctx has ended.
func withConnection(ctx context.Context, url string, use func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return use(conn)
}
