package pgserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// portTries: between choosing a free port and Postgres taking it, another process
// may be faster.
const portTries = 5

// run starts the postmaster and waits until it is ready. s.mu is held.
func (s *Server) run(ctx context.Context) error {
	chosen := s.port != 0 // a restart keeps its addresses
	for try := 1; ; try++ {
		if !chosen {
			port, err := s.choosePort()
			if err != nil {
				return err
			}
			s.port = port
		}
		err := s.launch(ctx)
		if err == nil {
			break
		}
		if chosen || !s.opts.Listen || try == portTries || !strings.Contains(tail(s.folders.log()), "Address already in use") {
			return fmt.Errorf("start postgres in %s: %w\n%s", s.folders.home, err, tail(s.folders.log()))
		}
	}
	if s.opts.Listen {
		if err := s.setPassword(ctx); err != nil {
			return err
		}
	}
	s.log.InfoContext(ctx, "postgres ready", "dir", s.folders.home, "version", s.Version(), "port", s.port)
	return nil
}

// choosePort: without TCP the port is part of the socket's name only, and taken by
// nobody in a folder of our own.
func (s *Server) choosePort() (int, error) {
	if !s.opts.Listen {
		return 5432, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) launch(ctx context.Context) error {
	if err := s.writeSettings(); err != nil {
		return err
	}
	// Each start has a log of its own, so that a tail is about this one.
	log, err := os.OpenFile(s.folders.log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()                                                     // the child has its own copy
	cmd := exec.Command(s.install.path("postgres"), "-D", s.folders.data) //nolint:gosec,noctx // a postgres of this machine; the end of a context kills, and this must stop cleanly
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = s.folders.home
	cmd.Env = environment()
	cmd.SysProcAttr = childAttr(s.account, s.opts.outlive)
	if s.process, err = startProcess(cmd); err != nil {
		s.process = nil
		return err
	}
	if err := s.waitReady(ctx); err != nil {
		return errors.Join(err, s.halt(ctx, immediateShutdown))
	}
	return nil
}

// waitReady watches the file that pg_ctl watches: a connection would tell no more,
// and leave a line in the log each time it fails.
func (s *Server) waitReady(ctx context.Context) error {
	for {
		pid, ready, err := readPIDFile(s.folders.data)
		if err != nil {
			return err
		}
		if ready && pid == s.process.cmd.Process.Pid {
			return nil
		}
		select {
		case <-s.process.exited:
			return fmt.Errorf("postgres ended: %s", s.process.cmd.ProcessState)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// halt stops the postmaster, if there is one. s.mu is held.
func (s *Server) halt(ctx context.Context, sig syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(ctx, sig)
	s.process = nil
	if err != nil {
		return fmt.Errorf("stop postgres in %s: %w", s.folders.home, err)
	}
	return nil
}

// initCluster runs initdb into a folder beside the final one, so that a crash in
// the middle leaves no half a cluster that a later Start would take for one.
func (s *Server) initCluster(ctx context.Context) error {
	if majorOf(s.folders.data) != 0 {
		return nil
	}
	unfinished := s.folders.data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	if err := s.account.give(unfinished); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.install.path("initdb"), //nolint:gosec // the initdb beside that postgres
		"--pgdata", unfinished, "--username", superuser, "--no-instructions",
		"--auth-local", "trust", "--auth-host", "scram-sha-256",
		"--encoding", "UTF8", "--no-locale")
	if !s.opts.Durable {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	cmd.Dir = s.folders.home
	cmd.Env = environment()
	cmd.SysProcAttr = childAttr(s.account, true)                             // it ends by itself, and no thread stays for it
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it removes its folder
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s as %s: %w\n%s", s.folders.home, s.account.who(), err, out)
	}
	conf, err := os.OpenFile(filepath.Join(unfinished, "postgresql.conf"), os.O_APPEND|os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer conf.Close()
	if _, err := conf.WriteString("\ninclude '" + settingsFile + "'\n"); err != nil {
		return err
	}
	return os.Rename(unfinished, s.folders.data)
}

// settingsFile is included last by postgresql.conf, and before what ALTER SYSTEM
// writes, which therefore works.
const settingsFile = "clerkstream.conf"

func (s *Server) writeSettings() error {
	file := filepath.Join(s.folders.data, settingsFile)
	text := render(s.opts.settings(s.folders.run, s.port))
	// By rename: Postgres, or a crash, sees the old file or the new one.
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		return err
	}
	if err := s.account.give(file + ".new"); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// setPassword gives the role a new one at each start: over TCP anybody on the
// machine may try. Before it is set nobody gets in there.
func (s *Server) setPassword(ctx context.Context) error {
	if s.password == "" {
		var random [16]byte
		rand.Read(random[:]) // never fails (crypto/rand)
		s.password = hex.EncodeToString(random[:])
	}
	return s.exec(ctx, "ALTER ROLE "+superuser+" PASSWORD '"+s.password+"'")
}

// CreateDatabase makes a database as a copy of template, or of Postgres's own
// when template is "". Nobody may be connected to the template.
func (s *Server) CreateDatabase(ctx context.Context, name, template string) error {
	statement := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		statement += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	if err := s.exec(ctx, statement); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

func (s *Server) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.SocketURL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// tail is the last 4 kB of a file, from a line's beginning.
func tail(file string) string {
	const size = 4096
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	cut := false
	if info, err := f.Stat(); err == nil && info.Size() > size {
		_, err = f.Seek(-size, io.SeekEnd)
		cut = err == nil
	}
	text, _ := io.ReadAll(io.LimitReader(f, size))
	if cut {
		_, rest, _ := strings.Cut(string(text), "\n")
		return rest
	}
	return string(text)
}
