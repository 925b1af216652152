//go:build !linux

package pgserver

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childAttr: as on Linux, without the parent-death signal, which other kernels do
// not have. After kill -9 Postgres runs on until the next Start sweeps it.
func childAttr(a account, _ bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
}

// isPostmaster reports whether pid is a postmaster of dataDir: pids are given
// again, and a stale file must not make us end a stranger.
func isPostmaster(pid int, dataDir string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return false
	}
	program, args, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return filepath.Base(program) == "postgres" && strings.Contains(args+" ", " "+dataDir+" ")
}
