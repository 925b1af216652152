package clerkstream_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestEachLoginIsWhatItsProgramNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not in PATH")
	}
	database, environment := stack.Database(t), dotEnv(t)
	for range 2 { // compose runs it at each start
		run := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "--quiet", "--file", "deploy/compose/logins.sql", database)
		run.Env = os.Environ()
		for name, value := range environment {
			run.Env = append(run.Env, name+"="+value)
		}
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
	}
	const readCheckpoints, readInbox = "select service from clerkstream.checkpoints", "select service from clerkstream.inbox"
	for login, can := range map[string]struct{ may, mayNot []string }{
		"projector": {
			may:    []string{"set role clerkstream_owner", "create schema probe", "reset role", "set role clerkstream_projector", readCheckpoints},
			mayNot: []string{"set role clerkstream_tenant", "create role probe"},
		},
		"watch": {
			may: []string{
				readCheckpoints, "select note from clerkstream.reconciliations", "insert into clerkstream.walks (instance, purpose, kind, number, part) values ('i', 'p', 'k', 1, '{}')",
				"create temporary table seen (id text)",
			},
			mayNot: []string{
				"set role clerkstream_owner", "set role clerkstream_projector", "create schema probe", readInbox, "delete from clerkstream.outages",
				"update clerkstream.checkpoints set sequence = 0", "update clerkstream.restores set reason = 'other'",
			},
		},
		"orders_api": {
			may:    []string{readInbox, "set role clerkstream_tenant"},
			mayNot: []string{"set role clerkstream_reader", "set role clerkstream_projector", "create schema probe", readCheckpoints},
		},
		"orders_reader": {
			may:    []string{readCheckpoints, "set role clerkstream_reader"},
			mayNot: []string{"set role clerkstream_tenant", "create schema probe", readInbox, "delete from clerkstream.dead_letters"},
		},
		"orders_owner": {
			may:    []string{"create schema orders", "create table orders.probe ()"},
			mayNot: []string{"set role clerkstream_owner", "set role clerkstream_tenant", readCheckpoints},
		},
	} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(database)
			if err != nil {
				t.Fatal(err)
			}
			config.User, config.Password = login, environment[strings.ToUpper(login)+"_DB_PASSWORD"]
			conn, err := pgx.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
			for _, statement := range can.mayNot {
				if _, err := conn.Exec(t.Context(), statement); err == nil {
					t.Errorf("%s: it may", statement)
				}
			}
			for _, statement := range can.may {
				if _, err := conn.Exec(t.Context(), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			var super, bypasses, createsRoles bool
			const asked = `select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = $1`
			if err := testkit.Connect(t, database).QueryRow(t.Context(), asked, login).Scan(&super, &bypasses, &createsRoles); err != nil {
				t.Fatal(err)
			}
			if super || bypasses || createsRoles {
				t.Errorf("superuser %t, bypasses row security %t, creates roles %t", super, bypasses, createsRoles)
			}
		})
	}
}

func TestGeneratedPasswordsAreNewAndFitWhereTheyGo(t *testing.T) {
	t.Parallel()
	first, second := dotEnv(t), dotEnv(t)
	for name, value := range first {
		switch {
		case value == second[name]:
			t.Errorf("%s is always %q", name, value)
		case name == "CLERK_WEBHOOK_SIGNING_SECRET":
			if !regexp.MustCompile(`^whsec_[A-Za-z0-9+/]{32}$`).MatchString(value) {
				t.Errorf("%s is not what Svix takes: %q", name, value)
			}
		case name == "CLERK_SECRET_KEY":
			if !regexp.MustCompile(`^sk_test_[0-9a-f]{42}$`).MatchString(value) {
				t.Errorf("%s is not what the simulator and the watch take: %q", name, value)
			}
		case !regexp.MustCompile(`^[a-z][a-z0-9]{31,}$`).MatchString(value) || url.QueryEscape(value) != value:
			t.Errorf("%s fits into neither a URL nor a NATS configuration, or is short: %q", name, value)
		}
	}
	for _, file := range []string{".gitignore", ".dockerignore"} {
		if !regexp.MustCompile(`(?m)^(/?\.env|\.\*)$`).MatchString(readFiles(t, file)) {
			t.Errorf("%s does not leave .env out", file)
		}
	}
}
