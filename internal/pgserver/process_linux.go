package pgserver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// childAttr: its own process group, so that a Ctrl-C in the terminal reaches us and
// not Postgres, which has to outlive what we still commit; and a fast shutdown when
// we die. The kernel sends that signal whatever account Postgres runs as.
func childAttr(a account, outlive bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: a.credential()}
	if !outlive {
		attr.Pdeathsig = fastShutdown
	}
	return attr
}

// isPostmaster reports whether pid is a postmaster of dataDir: pids are given
// again, and a stale file must not make us end a stranger.
func isPostmaster(pid int, dataDir string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	args := bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0})
	return filepath.Base(string(args[0])) == "postgres" &&
		slices.ContainsFunc(args[1:], func(arg []byte) bool { return string(arg) == dataDir })
}
