package natsserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrStoreInUse is returned when another live server owns the store directory.
var ErrStoreInUse = errors.New("nats store directory in use")

const (
	privatePrefix = "clerkstream-nats-"
	lockName      = "owner.lock"
)

// claimStore takes the directory for this process. nats-server itself does not
// lock its store, and two servers on one directory destroy each other's streams
// without an error. The lock goes with the process, however that ends.
func (s *Server) claimStore(dir string) error {
	if dir == "" {
		return s.claimPrivateStore()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make nats store %s: %w", dir, err)
	}
	lock, err := lockStore(dir, os.O_CREATE)
	if err != nil {
		return fmt.Errorf("claim nats store %s: %w", dir, err)
	}
	s.storeDir, s.lock = dir, lock
	return nil
}

// claimPrivateStore makes a directory for this run, after removing those of runs
// that were killed. A sweep of another process may take a directory away between
// being made and being locked; then this one makes another.
func (s *Server) claimPrivateStore() error {
	sweepStores()
	var err error
	for range 10 {
		var dir string
		if dir, err = os.MkdirTemp("", privatePrefix); err != nil {
			break
		}
		if s.lock, err = lockStore(dir, os.O_CREATE); err == nil {
			s.storeDir, s.private = dir, true
			return nil
		}
	}
	return fmt.Errorf("make nats store: %w", err)
}

// sweepStores opens only locks that are there: making one would bring back the
// directory of a server that is stopping just now. A directory without a lock is
// one whose maker died before its first file, so it is empty.
func sweepStores() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), privatePrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		if !ours(dir) {
			continue // in /tmp anybody may make a name like that
		}
		switch owner, err := lockStore(dir, 0); {
		case err == nil:
			os.RemoveAll(dir)
			owner.Close()
		case errors.Is(err, fs.ErrNotExist):
			os.Remove(dir) // fails unless empty
		}
	}
}

func ours(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Getuid()
}

// lockStore locks the file in the directory, made if create is os.O_CREATE. The
// file must still be the one in the directory afterwards: the owner who was waited
// for may have removed both.
func lockStore(dir string, create int) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, create|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrStoreInUse
	}
	if err == nil && !sameFile(f, path) {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func sameFile(f *os.File, path string) bool {
	opened, errOpened := f.Stat()
	there, errThere := os.Lstat(path)
	return errOpened == nil && errThere == nil && os.SameFile(opened, there)
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
