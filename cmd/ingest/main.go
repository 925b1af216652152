// Command ingest is the webhook target for Clerk: see package internal/ingest for what it promises, and --help for its settings.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
)

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

func run(args []string, env settings.Env, stdout, stderr io.Writer) (exitCode int) {
	var (
		f flags
		p settings.Problems
	)
	if f.parse(&p, args, stdout) {
		return 0
	}
	c := f.config(&p, env, stderr)
	if err := p.Err(); err != nil {
		fmt.Fprintln(stderr, "ingest:", err)
		return settings.ExitCode
	}
	spendMemory(env)
	server, err := ingest.New(c)
	if err != nil {
		fmt.Fprintln(stderr, "ingest:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := server.Run(ctx); err != nil {
		c.Log.Error("ingest failed", "error", err)
		return 1
	}
	return 0
}

// spendMemory lets the heap grow further before it is collected. What lives is a few MiB, so the default would collect dozens of times a
// second under load; with this the process stays below 64 MiB. GOGC overrules it.
func spendMemory(env settings.Env) {
	if v, _ := env("GOGC"); v == "" {
		debug.SetGCPercent(300)
	}
}
