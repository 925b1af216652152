package clerkstream_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxLines is where a file has more than one idea in it. The aim is 300.
const maxLines = 400

func TestNoFileIsTooLong(t *testing.T) {
	t.Parallel()
	for path, text := range texts(t) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines, more than %d", path, lines, maxLines)
		}
	}
}

// A path of the machine that something was written on is of no use to anybody else.
func TestNoFileNamesTheAuthorsFolders(t *testing.T) {
	t.Parallel()
	for path, text := range texts(t) {
		// Put together here, or this file would name them.
		for _, folder := range []string{"/" + "work/", ".." + "/shared"} {
			if before, _, found := bytes.Cut(text, []byte(folder)); found {
				t.Errorf("%s:%d: names %s", path, 1+bytes.Count(before, []byte("\n")), folder)
			}
		}
	}
}

// texts are the files of the tree that are text, by path; what .gitignore leaves out is left out.
func texts(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains([]string{".git", ".cache", "bin", ".env"}, path):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // a test beside this one cleaned up
			return nil
		}
		if err == nil && utf8.Valid(text) {
			found[path] = text
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d files: not the root of the tree", len(found))
	}
	return found
}
