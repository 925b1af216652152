package architectures

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

// program is a process. It dies with this one, as far as the kernel offers that.
type program struct {
	name, path, url string
	environment     []string
	log             *syncbuffer.Buffer
	cmd             *exec.Cmd
	ended           chan error
}

// start starts the program and returns when it answers. It may be called again behind kill or stop.
func (p *program) start(ctx context.Context, environment ...string) error {
	p.environment = append(p.environment, environment...)
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), p.path)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = p.environment, p.log, p.log, childAttr()
	p.ended = make(chan error, 1)
	started := make(chan error)
	go func() {
		// Linux ties the child to the thread that forked: it must not end before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.ended <- p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return poll(ctx, func() error { return p.healthy(ctx) })
}

func (p *program) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err == nil {
		err = answer.Body.Close()
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, err, p.log.String())
	}
	return nil
}

// stop is SIGTERM, after which a program ends by itself and well.
func (p *program) stop() error {
	if p.ended == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case err := <-p.ended:
		p.ended = nil
		if err != nil {
			return fmt.Errorf("%s ended with %w", p.name, err)
		}
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s does not stop", p.name), p.kill())
	}
}

// kill is kill -9: nothing is finished, flushed or said.
func (p *program) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	p.ended = nil
	if p.cmd.ProcessState.ExitCode() >= 0 {
		err = fmt.Errorf("%s had ended by itself: %s", p.name, p.cmd.ProcessState)
	}
	return err
}
