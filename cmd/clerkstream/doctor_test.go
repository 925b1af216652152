package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/checkup"
)

// alone are flags by which nothing of this machine is looked at but an API that answers.
func alone(t *testing.T) []string {
	t.Helper()
	api := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(api.Close)
	return []string{"doctor", "--api-url", api.URL, "--wait", "2s"}
}

func TestDoctorSaysByItsExitStatusWhetherSomethingFailed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		more []string
		code int
		says string
	}{
		{"nothing is set", nil, 0, "0 failures"},
		{"a broker that is away", []string{"--nats-url", "nats://127.0.0.1:1"}, 1, "failure  broker"},
		{"a database that is away", []string{"--database-url", "postgres://127.0.0.1:1/x"}, 1, "failure  postgres"},
		{"a wrong setting", []string{"--instance", "No!"}, 2, "CLERK_INSTANCE"},
	} {
		printed, code := command(t, append(alone(t), tc.more...)...)
		if code != tc.code || !strings.Contains(printed, tc.says) {
			t.Errorf("%s: exit status %d, not %d, or %q is missing:\n%s", tc.name, code, tc.code, tc.says, printed)
		}
	}
	printed, _ := command(t, append(alone(t), "--json")...)
	var report checkup.Report
	if err := json.Unmarshal([]byte(printed), &report); err != nil || report.Verdict != checkup.OK || len(report.Lines) < 10 {
		t.Errorf("--json: %v\n%s", err, printed)
	}
	if printed, code := command(t, "status"); code != 2 || !strings.Contains(printed, "nothing to look at") {
		t.Errorf("status of nothing: exit status %d\n%s", code, printed)
	}
	if printed, code := command(t, "status", "--nats-url", "nats://127.0.0.1:1", "--wait", "1s"); code != 1 || !strings.Contains(printed, "unseen") {
		t.Errorf("status of what is away: exit status %d\n%s", code, printed)
	}
}
