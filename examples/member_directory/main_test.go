package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheBinaryHasTheEnginesVerbsAndTheDirectory(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "projector")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	help, err := exec.CommandContext(t.Context(), binary, "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("--help: %v\n%s", err, help)
	}
	for _, verb := range []string{"run", "rebuild", "diff", "switch", "rollback", "retire", "verify", "asof", "replay", "deadletter"} {
		if !strings.Contains(string(help), "\n  "+verb) {
			t.Errorf("--help names no %s:\n%s", verb, help)
		}
	}
	// An unknown read model stops the start with the names of those that the binary knows.
	refusal, err := exec.CommandContext(t.Context(), binary, "--read-models", "nothing").CombinedOutput()
	if err == nil || !strings.Contains(string(refusal), "member_directory") {
		t.Errorf("the binary does not know the directory (%v):\n%s", err, refusal)
	}
}
