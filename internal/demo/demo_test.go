package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/verdict"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && goleak.Find() != nil {
		os.Stderr.WriteString(goleak.Find().Error())
		code = 1
	}
	os.Exit(code)
}

func quiet(c Config, out *bytes.Buffer) Config {
	c.Out, c.Progress = out, func(int, int) {}
	c.Stack = StackConfig{Instance: "demo", ListenAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}
	return c
}

func TestTheDemonstrationProvesItsRows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Demo(t.Context(), quiet(Config{Seed: 7, Users: 60, Organizations: 12, Changes: 400, Rate: 200}, &out)); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, line := range []string{"duplicates stopped by the window", "stale events stopped by the gate", "lag p99", "rows of users", "verdict: every row is"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the report lacks %q:\n%s", line, &out)
		}
	}
}

func TestAnInterruptEndsTheDemonstrationAndLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := quiet(Config{Seed: 7, Users: 60, Organizations: 12, Changes: 400, Rate: 50}, &bytes.Buffer{})
	c.Progress = func(accepted, _ int) {
		if accepted > 20 {
			cancel()
		}
	}
	if err := Demo(ctx, c); err == nil || ctx.Err() == nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestADemonstrationInWhichAGuardHadNothingToDoFails(t *testing.T) {
	t.Parallel()
	good := func() *report {
		t := &tally{lags: []time.Duration{1}}
		t.total.Duplicates, t.total.Stale = 1, 1
		return &report{
			tally: t, windowed: 1, events: 1, rows: map[string]int{"users": 1, "organization_memberships": 1},
			sent: clerksim.SendReport{Deliveries: 1, Retries: 1},
		}
	}
	if err := good().verdict(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*report){
		"no duplicates in the window": func(r *report) { r.windowed = 0 },
		"no duplicates at the gate":   func(r *report) { r.total.Duplicates = 0 },
		"no stale events":             func(r *report) { r.total.Stale = 0 },
		"no rows":                     func(r *report) { r.rows = nil },
		"no retries":                  func(r *report) { r.sent.Retries = 0 },
		"a dead letter":               func(r *report) { r.total.DeadLetters = 1 },
		"a message given up":          func(r *report) { r.sent.GivenUp = 1 },
		"a difference":                func(r *report) { r.differences = []verdict.Difference{{}} },
	} {
		r := good()
		spoil(r)
		if err := r.verdict(); !errors.Is(err, ErrVerdict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
