package pgserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallIsFound(t *testing.T) {
	t.Parallel()
	i, err := findInstall(t.Context(), mustAccount(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	if i.major < MinMajor {
		t.Errorf("found %d.%d in %s", i.major, i.minor, i.dir)
	}
	if again, err := findInstall(t.Context(), mustAccount(t), i.major); err != nil || again.major != i.major {
		t.Errorf("version %d again: %+v, error %v", i.major, again, err)
	}
}

// fakeInstall is a folder with programs that say a version and do nothing else.
func fakeInstall(t *testing.T, version string) string {
	t.Helper()
	dir := shared(t)
	for _, program := range []string{"postgres", "initdb"} {
		script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	return dir
}

func TestNewestInstallInPathWins(t *testing.T) {
	var dirs []string
	for _, version := range []string{"15.99", "99.2", "99.10 (Debian 99.10-1)", "14.30", "98beta1"} {
		dirs = append(dirs, fakeInstall(t, version))
	}
	dirs = append(dirs, "", shared(t), "/nonexistent")
	t.Setenv("PATH", strings.Join(append(dirs, "/usr/bin", "/bin"), string(filepath.ListSeparator)))
	a := mustAccount(t)
	for want, version := range map[int]string{0: "99.10", 98: "98.0", 15: "15.99"} {
		i, err := findInstall(t.Context(), a, want)
		if got := fmt.Sprintf("%d.%d", i.major, i.minor); err != nil || got != version {
			t.Errorf("of version %d: found %s (%v), want %s", want, got, err, version)
		}
	}
}

func TestBinDirVariableIsTheOnlyPlaceLookedAt(t *testing.T) {
	a := mustAccount(t)
	t.Setenv(BinDirVariable, fakeInstall(t, "16.3"))
	if i, err := findInstall(t.Context(), a, 0); err != nil || i.major != 16 || i.minor != 3 {
		t.Errorf("found %+v, error %v", i, err)
	}
	for name, dir := range map[string]string{"too old": fakeInstall(t, "14.9"), "empty": shared(t)} {
		t.Setenv(BinDirVariable, dir)
		_, err := Start(t.Context(), Options{})
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "install") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "too old" && !strings.Contains(err.Error(), "14.9") {
			t.Errorf("error does not say what was found: %v", err)
		}
	}
}
