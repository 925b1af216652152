package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/clerkstream/clerkstream/internal/demo"
)

// program is one that dev runs beside the stack. It is not started again when it ends.
type program struct {
	name, path, addr string
	out              *lines
}

// firstProgramPort is the first program's, the next one's follows.
const firstProgramPort = 8081

// programPatience is how long a program may take to end after SIGTERM.
const programPatience = 10 * time.Second

func choosePrograms(ctx context.Context, paths []string) []*program {
	var out sync.Mutex
	programs := make([]*program, len(paths))
	for i, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		programs[i] = &program{
			name: name, path: path, addr: freeAddr(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(firstProgramPort+i))),
			out: &lines{mu: &out, out: os.Stdout, prefix: fmt.Sprintf("%-8s | ", name)},
		}
	}
	return programs
}

func (p *program) url() string { return "http://" + p.addr }

// variable is where others read the program's address.
func (p *program) variable() string {
	return strings.ToUpper(strings.ReplaceAll(p.name, "-", "_")) + "_URL"
}

// environment is what every program of the stack is told.
func environment(s *demo.Stack, programs []*program) []string {
	list := append(os.Environ(),
		"CLERK_INSTANCE="+s.Instance(),
		"CLERK_ISSUER="+s.Clerk().Issuer(),
		"CLERK_JWKS_URL="+s.SimURL()+"/.well-known/jwks.json",
		"CLERK_AUTHORIZED_PARTIES="+s.Clerk().AuthorizedParty(),
		"NATS_URL="+s.NATSURL(),
		"DATABASE_URL="+s.TenantURL(),
		"READER_DATABASE_URL="+s.ReaderURL(),
		"OWNER_DATABASE_URL="+s.OwnerURL(),
	)
	for _, p := range programs {
		list = append(list, p.variable()+"="+p.url())
	}
	return list
}

// run starts the program and waits for its end, which is its own affair: only a program that cannot be started is an error.
//
// It dies with us, as far as the kernel offers that. Linux ties it to the thread that forked, which is therefore kept.
func (p *program) run(ctx context.Context, environment []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	path, err := filepath.Abs(p.path) // a name without a slash would be looked for in PATH
	if err != nil {
		return fmt.Errorf("run %s: %w", p.name, err)
	}
	cmd := exec.CommandContext(ctx, path)                                   //nolint:gosec // to run what it is told is what the flag is for
	cmd.Env = slices.Concat(environment, []string{"LISTEN_ADDR=" + p.addr}) // of two values the later counts
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = programPatience
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", p.name, err)
	}
	err = cmd.Wait()
	p.out.flush()
	if errors.Is(err, exec.ErrWaitDelay) {
		p.out.say("did not end within " + programPatience.String())
	}
	p.out.say("ended: " + cmd.ProcessState.String())
	return nil
}

// lines writes whole lines behind a prefix, so that programs do not write into each other's.
type lines struct {
	mu     *sync.Mutex // of out
	out    io.Writer
	prefix string
	rest   []byte // a line without its end yet
}

// longestLine bounds what is kept of a line that does not end.
const longestLine = 64 << 10

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ended := bytes.Cut(l.rest, []byte{'\n'})
		if !ended && len(line) < longestLine {
			return len(b), nil
		}
		l.say(string(line))
		l.rest = bytes.Clone(rest)
	}
}

func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.say(string(l.rest))
	}
	l.rest = nil
}

func (l *lines) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%s%s\n", l.prefix, line)
}
