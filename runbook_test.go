package clerkstream_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// metric finds what is registered, in the forms that the packages' metrics.go use: a name and behind it its help.
var metric = regexp.MustCompile(`"([a-z]+(?:_[a-z]+)*)"(?:,|:)\s*\{?\s*(?:Help:\s*)?"[A-Z0-9]`)

// anchor is a link to a heading of the same page.
var anchor = regexp.MustCompile(`\]\(#([^)]+)\)`)

func TestTheRunbookNamesEveryMetric(t *testing.T) {
	t.Parallel()
	runbook, found := readFiles(t, "docs/operations.md"), 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "metrics.go" {
			return err
		}
		for _, m := range metric.FindAllStringSubmatch(readFiles(t, path), -1) {
			found++
			name := strings.TrimPrefix(m[1], "clerkstream_")
			if !regexp.MustCompile("`…(?:[a-z]+_)?" + name + "`").MatchString(runbook) {
				t.Errorf("docs/operations.md says nothing of %s of %s", name, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 50 {
		t.Errorf("%d metrics were found: they are registered otherwise", found)
	}
}

func TestTheRunbooksEntriesAreThere(t *testing.T) {
	t.Parallel()
	runbook := readFiles(t, "docs/operations.md")
	headings := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(runbook, -1) {
		headings[strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(h[1]))] = true
	}
	links := anchor.FindAllStringSubmatch(runbook, -1)
	for _, l := range links {
		if !headings[l[1]] {
			t.Errorf("docs/operations.md has no entry #%s", l[1])
		}
	}
	if len(links) < 10 {
		t.Errorf("only %d entries are linked", len(links))
	}
}
