package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// socketPathMax is what sockaddr_un takes on the narrowest system we run on
// (macOS: 104 with the final zero). Linux takes 107.
const socketPathMax = 103

// socketName is the longest name of a socket that Postgres makes in its folder.
const socketName = "/.s.PGSQL.65535"

// folders are the places of one run.
type folders struct {
	run  string // ours for this run: owner's lock, sockets; swept when we are dead
	home string // holds the cluster and the log: run, or Options.Dir
	data string // PGDATA, without symbolic links, as the command line shows it

	owner, homeLock *lock
	made            []string // what was not there before
}

func (f *folders) log() string { return filepath.Join(f.home, "postgres.log") }

// makeFolders sweeps, makes the folder of this run and takes its locks.
func makeFolders(ctx context.Context, o Options, a account, log *slog.Logger) (_ *folders, err error) {
	base, err := baseFolder(a)
	if err != nil {
		return nil, err
	}
	// One process at a time makes or sweeps folders here: between being made and
	// being locked a folder looks like one whose owner is dead.
	gate, err := waitLock(ctx, filepath.Join(base, "base.lock"))
	if err != nil {
		return nil, err
	}
	defer gate.release()
	sweep(ctx, base, log)

	f := &folders{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.remove(false))
		}
	}()
	if f.run, err = os.MkdirTemp(base, runPrefix); err != nil {
		return nil, err
	}
	f.made = []string{f.run}
	if f.owner, err = tryLock(filepath.Join(f.run, ownerFile)); err != nil {
		return nil, err
	}
	if err := a.give(f.run); err != nil {
		return nil, err
	}
	return f, f.takeHome(o, a)
}

// takeHome decides where the cluster lives and makes it ours.
func (f *folders) takeHome(o Options, a account) error {
	f.home = f.run
	if o.Dir != "" {
		if err := f.takeDir(o, a); err != nil {
			return err
		}
	}
	home, err := filepath.EvalSymlinks(f.home)
	if err != nil {
		return err
	}
	if f.home == f.run {
		f.run = home
	}
	f.home, f.data = home, filepath.Join(home, "data")
	switch {
	case o.Dir != "":
		// The sweep finds the server of a dead owner through this link.
		return os.Symlink(f.data, filepath.Join(f.run, dataLink))
	case o.Keep:
		return os.WriteFile(filepath.Join(f.run, keepMarker), nil, 0o600)
	default:
		return nil
	}
}

func (f *folders) takeDir(o Options, a account) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	f.home = dir
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		f.made = append(f.made, dir)
	} else if _, err := os.Stat(filepath.Join(dir, "data")); errors.Is(err, fs.ErrNotExist) {
		f.made = append(f.made, filepath.Join(dir, "data"), filepath.Join(dir, "postgres.log"), filepath.Join(dir, ownerFile))
	}
	// A folder that was there keeps its owner: Postgres gets one inside it.
	if err := os.MkdirAll(dir, a.folderMode()); err != nil {
		return err
	}
	f.homeLock, err = tryLock(filepath.Join(dir, ownerFile))
	if errors.Is(err, errLocked) {
		f.made = f.made[:1] // the rest is the other server's
		return fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	if err != nil {
		return err
	}
	return a.canReach(dir)
}

// remove takes away what was made, while its locks are still held, and then gives
// them back. With keep the cluster stays, and with it the folder it is in.
func (f *folders) remove(keep bool) error {
	var errs []error
	for _, path := range f.made {
		if keep && (path != f.run || f.home == f.run) {
			continue
		}
		errs = append(errs, os.RemoveAll(path))
	}
	f.homeLock.release()
	f.owner.release()
	f.homeLock, f.owner = nil, nil
	return errors.Join(errs...)
}

// baseFolder is one folder for each user of the machine, in the first place that
// is short enough for a socket and open to the account.
func baseFolder(a account) (string, error) {
	var problems []error
	for _, tmp := range []string{os.TempDir(), "/tmp"} {
		base := filepath.Join(tmp, fmt.Sprintf("clerkstream-%d", os.Getuid()))
		if len(filepath.Join(base, runPrefix+"0123456789"))+len(socketName) > socketPathMax {
			problems = append(problems, fmt.Errorf("%s is too long for a unix socket", base))
			continue
		}
		err := ownFolder(base, a)
		if err == nil {
			err = a.canReach(base)
		}
		if err == nil {
			return base, nil
		}
		problems = append(problems, err)
	}
	return "", fmt.Errorf("no folder for postgres: %w", errors.Join(problems...))
}

// ownFolder makes sure that base is ours alone: its name can be guessed, and in
// /tmp anybody could have made it first.
func ownFolder(base string, a account) error {
	if err := os.MkdirAll(base, a.folderMode()); err != nil {
		return err
	}
	info, err := os.Lstat(base)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a folder of our own", base)
	}
	return os.Chmod(base, a.folderMode()) // whatever the umask
}
