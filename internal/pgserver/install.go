package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BinDirVariable names the environment variable that says where initdb and
// postgres are. It is then the only place that is looked at.
const BinDirVariable = "CLERKSTREAM_PG_BINDIR"

// MinMajor is the oldest Postgres that the read model works on.
const MinMajor = 15

// ErrNotInstalled is returned when the machine has no Postgres server of MinMajor
// or newer. The message says the one line that installs it.
var ErrNotInstalled = errors.New("postgres server not installed")

// install is one set of server binaries.
type install struct {
	dir          string
	major, minor int
}

func (i install) path(program string) string { return filepath.Join(i.dir, program) }

// findInstall returns the newest server of MinMajor or newer; with wantMajor, the
// newest of that major version, for a cluster that exists. Binaries are asked as
// the account that will run them: it must be able to, and root should not run what
// it finds in a user's folder.
func findInstall(ctx context.Context, a account, wantMajor int) (install, error) {
	var found []install
	var passed []string
	for _, dir := range binDirs(ctx, a) {
		if dir == "" {
			continue // an empty element of PATH is the folder we happen to be in
		}
		i, err := inspect(ctx, a, dir)
		switch {
		case err != nil:
		case i.major < MinMajor, wantMajor != 0 && i.major != wantMajor:
			passed = append(passed, fmt.Sprintf("%d.%d in %s", i.major, i.minor, i.dir))
		default:
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return install{}, notInstalled(wantMajor, passed)
	}
	return slices.MaxFunc(found, func(a, b install) int {
		return (a.major-b.major)*1000 + a.minor - b.minor
	}), nil
}

// binDirs lists every folder where server binaries are usually put: what the
// environment says, PATH, then the packagers' places, which are seldom in PATH.
func binDirs(ctx context.Context, a account) []string {
	if dir := os.Getenv(BinDirVariable); dir != "" {
		return []string{dir}
	}
	var dirs []string
	if out, err := ask(ctx, a, "pg_config", "--bindir"); err == nil {
		dirs = append(dirs, strings.TrimSpace(out))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // PGDG on Red Hat, SUSE
		"/usr/libexec/postgresql*",                           // Alpine
		"/usr/lib/postgresql*/bin",                           // SUSE, Gentoo
		"/usr/local/pgsql/bin",                               // from source
		"/opt/homebrew/opt/postgresql*/bin",                  // brew, Apple silicon
		"/usr/local/opt/postgresql*/bin",                     // brew, Intel
		"/opt/local/lib/postgresql*/bin",                     // MacPorts
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	} {
		matches, _ := filepath.Glob(pattern) // fails only for a wrong pattern
		dirs = append(dirs, matches...)
	}
	return dirs
}

var versionForm = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// inspect asks the binaries in dir for their version. Links are followed: initdb
// looks for its data files beside the real postgres.
func inspect(ctx context.Context, a account, dir string) (install, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return install{}, err
	}
	postgres, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return install{}, err
	}
	i := install{dir: filepath.Dir(postgres)}
	if _, err := exec.LookPath(i.path("initdb")); err != nil {
		return install{}, err
	}
	out, err := ask(ctx, a, postgres, "--version")
	if err != nil {
		return install{}, err
	}
	m := versionForm.FindStringSubmatch(out)
	if m == nil {
		return install{}, fmt.Errorf("%s --version: unknown answer", postgres)
	}
	i.major, _ = strconv.Atoi(m[1])
	i.minor, _ = strconv.Atoi(m[2]) // absent in 18beta1
	return i, nil
}

func ask(ctx context.Context, a account, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // pg_config, or a postgres of this machine
	cmd.SysProcAttr = childAttr(a, true)
	cmd.Env = environment()
	cmd.Dir = "/" // which every account may enter
	out, err := cmd.Output()
	return string(out), err
}

func notInstalled(wantMajor int, passed []string) error {
	what := fmt.Sprintf("version %d or newer", MinMajor)
	if wantMajor != 0 {
		what = fmt.Sprintf("version %d, which made the cluster", wantMajor)
	}
	if dir := os.Getenv(BinDirVariable); dir != "" {
		what += fmt.Sprintf(" in %s=%s", BinDirVariable, dir)
	}
	if len(passed) > 0 {
		what += " (found " + strings.Join(slices.Compact(passed), ", ") + ")"
	}
	return fmt.Errorf("%w: %s: %s", ErrNotInstalled, what, installLine())
}

// installLine is what to type on this machine.
func installLine() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	for _, manager := range []struct{ program, line string }{
		{"apt-get", "sudo apt-get install -y postgresql"},
		{"dnf", "sudo dnf install -y postgresql-server"},
		{"zypper", "sudo zypper install -y postgresql-server"},
		{"pacman", "sudo pacman -S --noconfirm postgresql"},
		{"apk", "sudo apk add postgresql"},
	} {
		if _, err := exec.LookPath(manager.program); err == nil {
			return manager.line
		}
	}
	return "install the PostgreSQL server with your package manager"
}
