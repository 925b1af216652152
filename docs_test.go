package clerkstream_test

import (
	"os"
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

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestTheLinksOfTheDocsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"README.md", "CHANGELOG.md", "docs/architecture.md", "docs/events.md", "docs/own-projections.md", "examples/member_directory/README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		base := page[:strings.LastIndex("/"+page, "/")]
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(base + m[1]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
