package clerkstream_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

func TestTheCatalogueInTheDocsNamesEveryType(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range clerksim.SampleTypes() {
		if !strings.Contains(string(doc), "`"+typ+"`") {
			t.Errorf("docs/events.md does not name %s", typ)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func TestTheLinksOfTheDocsLeadSomewhere(t *testing.T) {
	t.Parallel()
	pages := 0
	for page, text := range texts(t) {
		if !strings.HasSuffix(page, ".md") {
			continue
		}
		pages++
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(m[1]))); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if pages < 10 {
		t.Errorf("%d pages were read: the docs are elsewhere", pages)
	}
}
