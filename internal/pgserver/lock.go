package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrInUse is returned when another live server owns Options.Dir.
var ErrInUse = errors.New("postgres folder in use")

// errLocked: a live process holds the lock.
var errLocked = errors.New("locked")

// lock is an flock: the kernel gives it back when the process dies, however it
// dies. Postgres does not inherit it (Go opens files close-on-exec), so a free lock
// says that the owner is dead, not that the server is.
type lock struct{ f *os.File }

func tryLock(path string) (*lock, error) { return tryLockFile(path, os.O_CREATE) }

// tryLockThere never makes the file: in a folder that its owner is removing just
// now a new file would keep the folder.
func tryLockThere(path string) (*lock, error) { return tryLockFile(path, 0) }

func tryLockFile(path string, create int) (*lock, error) {
	f, err := os.OpenFile(path, create|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &lock{f}, nil
}

// waitLock polls, for a blocking flock cannot be interrupted.
func waitLock(ctx context.Context, path string) (*lock, error) {
	for {
		l, err := tryLock(path)
		if !errors.Is(err, errLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", path, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *lock) release() {
	if l != nil {
		l.f.Close()
	}
}
