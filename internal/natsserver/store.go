package natsserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrStoreInUse is returned when another live server owns the store directory.
var ErrStoreInUse = errors.New("nats store directory in use")

// claimStore takes the directory for this process. nats-server itself does not
// lock its store, and two servers on one directory destroy each other's streams
// without an error. The lock goes with the process, so a crash leaves none.
func (s *Server) claimStore(dir string) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "clerkstream-nats-")
		if err != nil {
			return fmt.Errorf("make nats store: %w", err)
		}
		s.storeDir, s.private = made, true
	} else {
		s.storeDir = dir
	}
	if err := s.lockStore(); err != nil {
		s.release()
		return fmt.Errorf("claim nats store %s: %w", s.storeDir, err)
	}
	return nil
}

func (s *Server) lockStore() error {
	if err := os.MkdirAll(s.storeDir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.storeDir, "owner.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return errors.Join(ErrStoreInUse, err)
	}
	s.lock = f
	return nil
}

// release gives the directory back, and removes it if it was made for this run.
func (s *Server) release() {
	if s.private {
		os.RemoveAll(s.storeDir)
	}
	if s.lock != nil {
		s.lock.Close()
		s.lock = nil
	}
}
