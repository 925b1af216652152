package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/demo"
)

// backendCommand runs a verb to its end, with an environment of its own.
func backendCommand(t *testing.T, env []string, args ...string) (printed string, exitCode int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append([]string{asCommand + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestBackendVerbsListEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	env := []string{"CLERK_INSTANCE=Prod", "CLERK_SECRET_KEY=pk_test_hush", "CLERK_INSTANCE_ID=x", "CLERK_BUDGET=1", "CLERK_API_URL=clerk"}
	for _, args := range [][]string{{"watch", "--full-at=noon"}, {"backfill", "--kinds=people"}, {"reconcile", "--restore=user_a"}} {
		out, code := backendCommand(t, env, args...)
		for _, want := range []string{
			"6 wrong settings", "CLERK_INSTANCE:", "CLERK_SECRET_KEY:", "CLERK_INSTANCE_ID:", "CLERK_BUDGET:", "CLERK_API_URL:", "DATABASE_URL:",
			map[string]string{"watch": "RECONCILE_FULL_AT:", "backfill": `"people"`, "reconcile": "--reason:"}[args[0]],
		} {
			if !strings.Contains(strings.Replace(out, "7 wrong", "6 wrong", 1), want) {
				t.Errorf("%s: no %q in:\n%s", args[0], want, out)
			}
		}
		if code != 2 || strings.Contains(out, "hush") {
			t.Errorf("%s: exit status %d:\n%s", args[0], code, out)
		}
	}
}

// A read model that was empty is filled, then agrees, and a key of nobody changes nothing.
func TestBackfillFillsAndReconcileAgrees(t *testing.T) {
	t.Parallel()
	clerk := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Seed: 3, Users: 60, Organizations: 8}})
	clerk.Found()
	c := demo.StackConfig{Instance: "default", ListenAddr: "127.0.0.1:0", Clerk: clerk, Log: slog.New(slog.DiscardHandler)}
	err := demo.Run(t.Context(), c, func(_ context.Context, s *demo.Stack) error {
		env := []string{
			"CLERK_SECRET_KEY=" + clerk.SecretKey(), "CLERK_API_URL=" + s.SimURL(), "NATS_URL=" + s.NATSURL(), "DATABASE_URL=" + s.DatabaseURL(),
			"CLERK_INSTANCE_ID=" + clerk.InstanceID(), "CLERK_BUDGET=1000",
		}
		kinds := "--kinds=users,organizations,organization_memberships"
		for _, step := range []struct {
			env  []string
			args []string
			code int
			want string
		}{
			{append(slices.Clip(env[1:]), "CLERK_SECRET_KEY=sk_test_wrong"), []string{"backfill", kinds}, 1, "does not accept the key in CLERK_SECRET_KEY"},
			{append(slices.Clip(env), "CLERK_INSTANCE_ID=ins_other"), []string{"backfill", kinds}, 1, "is of another Clerk instance"},
			{env, []string{"reconcile", kinds, "--dry-run"}, 0, "Nothing was published: --dry-run."},
			{env, []string{"backfill", kinds}, 0, "organization_memberships"},
			{env, []string{"reconcile", kinds}, 0, "Clerk and the read model agree."},
			{env, []string{"reconcile", "--restore", "user_nobody", "--reason", "a test"}, 1, "no tombstone"},
		} {
			out, code := backendCommand(t, step.env, step.args...)
			if code != step.code || !strings.Contains(out, step.want) {
				t.Errorf("%v: exit status %d, want %d with %q:\n%s", step.args, code, step.code, step.want, out)
			}
			t.Logf("%v:\n%s", step.args, out)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
