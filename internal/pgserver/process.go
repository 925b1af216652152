package pgserver

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a running postmaster.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has been waited for
}

// Signals of a postmaster, as in pg_ctl stop -m.
const (
	fastShutdown      = syscall.SIGINT  // ends sessions, writes a checkpoint
	immediateShutdown = syscall.SIGQUIT // a crash, but cleans up shared memory
)

// startProcess starts a postmaster that dies with us.
//
// The parent-death signal of Linux belongs to the thread that forked: were Go to
// end that thread, Postgres would be stopped although we live. So the goroutine
// that forks stays locked to its thread until Postgres has ended.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // an exit code that is not 0: cmd.ProcessState says it better
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// stop signals and waits. When ctx ends first it goes on to the next rougher way,
// and so always ends; the error says that it had to.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if err := p.signal(sig); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	if err := p.signal(immediateShutdown); err != nil {
		return errors.Join(cause, err)
	}
	select {
	case <-p.exited:
		return cause
	case <-time.After(5 * time.Second):
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return errors.Join(cause, err)
	}
	<-p.exited
	return cause
}

// environment is ours without what would talk to another Postgres: PGDATA, PGPORT,
// PGOPTIONS and their like.
func environment() []string {
	kept := []string{"LC_ALL=C", "TZ=UTC"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") && !strings.HasPrefix(v, "TZ=") {
			kept = append(kept, v)
		}
	}
	return kept
}
