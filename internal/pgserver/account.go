package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom Postgres runs as: ourselves, or as root somebody else, for
// Postgres refuses root.
type account struct {
	name     string
	uid, gid uint32
	other    bool // not ourselves
}

// Accounts that root may give Postgres to. `postgres` comes with the server's
// package; `nobody` is everywhere.
var unprivileged = []string{"postgres", "nobody"}

// chooseAccount prefers the owner of a cluster that exists: Postgres starts for no
// other.
func chooseAccount(dataDir string) (account, error) {
	if os.Getuid() != 0 {
		return account{}, nil
	}
	if info, err := os.Stat(dataDir); err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != 0 {
			return account{name: strconv.Itoa(int(owner.Uid)), uid: owner.Uid, gid: owner.Gid, other: true}, nil
		}
	}
	for _, name := range unprivileged {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(errUID, errGID) == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), other: true}, nil
		}
	}
	return account{}, fmt.Errorf("postgres does not run as root, and there is no account %q", unprivileged)
}

func (a account) who() string {
	if a.other {
		return a.name
	}
	return "ourselves"
}

// folderMode of a folder on the way to the cluster: to be passed by the account, to
// be read by nobody but us.
func (a account) folderMode() fs.FileMode {
	if a.other {
		return 0o711
	}
	return 0o700
}

// credential is nil for ourselves. It drops root's supplementary groups too.
func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// give makes a file or folder the account's own.
func (a account) give(path string) error {
	if !a.other {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// canReach reports the first folder on the way to path that the account may not
// pass: t.TempDir() of root, or a home folder.
func (a account) canReach(path string) error {
	if !a.other {
		return nil
	}
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.mayPass(info) {
			return fmt.Errorf("folder %s is closed to account %s, which runs postgres for root: choose a folder elsewhere", dir, a.name)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a account) mayPass(info fs.FileInfo) bool {
	owner, mode := info.Sys().(*syscall.Stat_t), info.Mode().Perm()
	switch {
	case owner.Uid == a.uid:
		return mode&0o100 != 0
	case owner.Gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
