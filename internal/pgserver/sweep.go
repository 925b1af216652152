package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names inside the folder of a run.
const (
	runPrefix  = "pg-"
	ownerFile  = "owner.lock" // locked while the owner lives
	dataLink   = "data"       // the cluster, or a link to it when Options.Dir is set
	keepMarker = "keep"       // the cluster stays when the owner is dead
)

// sweep removes what dead owners left in base. The caller holds base's lock, so
// no folder is between being made and being locked. What cannot be removed stays
// for the next time: somebody else's rubbish is no reason not to start.
func sweep(ctx context.Context, base string, log *slog.Logger) {
	runs, err := filepath.Glob(filepath.Join(base, runPrefix+"*"))
	if err != nil {
		return
	}
	for _, run := range runs {
		owner, err := tryLockThere(filepath.Join(run, ownerFile))
		if errors.Is(err, errLocked) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			os.Remove(run) // its maker died before the first file; fails unless empty
			continue
		}
		if err == nil {
			err = sweepRun(ctx, run, log)
			owner.release()
		}
		if err != nil {
			log.WarnContext(ctx, "leftover stays", "dir", run, "error", err)
		}
	}
}

// sweepRun: the server first, for a running one would go on writing into a folder
// that is gone. A crash here leaves a folder without an owner, as before.
func sweepRun(ctx context.Context, run string, log *slog.Logger) error {
	data := filepath.Join(run, dataLink)
	if err := evict(ctx, data, immediateShutdown); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(run, keepMarker)); err == nil {
		return nil
	}
	if err := os.RemoveAll(run); err != nil {
		return err
	}
	log.InfoContext(ctx, "removed what a dead process left", "dir", run)
	return nil
}

// evict stops the postmaster of a cluster whose owner is dead.
func evict(ctx context.Context, dataDir string, sig syscall.Signal) error {
	dataDir, err := filepath.EvalSymlinks(dataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, _, err := readPIDFile(dataDir)
	if err != nil || pid == 0 || !isPostmaster(pid, dataDir) {
		return err
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop postgres %d of %s: %w", pid, dataDir, err)
	}
	// 10 s, then without mercy: a postmaster that hangs would block every Start.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for isPostmaster(pid, dataDir) {
		select {
		case <-ctx.Done():
			return syscall.Kill(pid, syscall.SIGKILL)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// readPIDFile reads postmaster.pid: the process in line 1, its state in line 8
// (pidfile.h of Postgres). A file that is not there or not complete yet gives 0.
func readPIDFile(dataDir string) (pid int, ready bool, err error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if pid <= 0 { // not written yet, or in single-user mode
		return 0, false, nil
	}
	return pid, len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready", nil
}
