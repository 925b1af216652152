// Package clerkstream_test checks what belongs to no single package: who imports whom, and that what the deployment names exists.
package clerkstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/clerkstream/clerkstream"

// rule says what the packages of one pattern may not do. Ours are named by folder, all others by import path; "x/..." is x and
// everything below it. A nil list has no opinion.
type rule struct {
	of     string
	ours   []string // all that it may import of ours
	others []string // all that it may import of others, beside the standard library
	avoids []string // what it may not import itself
	never  []string // what it may not link, through whichever package
}

var (
	none = []string{}
	// public is what a service may build on.
	public = []string{"events", "projections", "projector", "subscribe", "directory/...", "auth/...", "schema", "deploy/nats", "examples/..."}
	// writeSide is what makes rows. Reading them must not depend on how they come about.
	writeSide = []string{"projector", "projections", "schema/...", "deploy/...", "internal/ingest", "internal/appender", "internal/clerkapi", "internal/reconcile", "internal/clerksim"}
	// workshop is what develops and tests the product, and is no part of it.
	workshop = []string{
		"github.com/nats-io/nats-server/v2/...", "internal/clerksim", "internal/natsserver", "internal/pgserver", "internal/testkit", "projections/projectiontest",
		"testing/...", "net/http/httptest", "go.uber.org/goleak", "pgregory.net/rapid",
	}
)

var rules = []rule{
	// The pipeline, from the language up. A package knows those before it.
	{of: "events", ours: none, others: []string{"github.com/segmentio/encoding/json"}},
	{of: "projections", ours: []string{"events"}},
	{of: "projections/projectiontest", ours: []string{"projections", "events", "internal/pgserver", "schema/migrate"}},
	{of: "projector", ours: []string{"projections", "events", "schema", "deploy/nats", "internal/changefeed", "internal/ops", "internal/progress", "internal/settings"}},
	{of: "internal/appender", ours: []string{"events"}},
	{of: "internal/ingest", ours: []string{"events", "deploy/nats", "internal/appender", "internal/ops", "internal/settings"}},
	// What Clerk has beside what its webhooks told. It reads the read model and writes to the stream alone, as ingest does.
	{of: "internal/clerkapi", ours: none},
	{of: "internal/reconcile", ours: []string{"projections", "events", "deploy/nats", "internal/appender", "internal/clerkapi"}, never: []string{"projector"}},
	{of: "internal/hydrate", ours: []string{"events", "internal/hydrate/wire"}},
	{of: "internal/hydrate/wire", ours: []string{"events"}},
	{of: "internal/sentinel", ours: []string{"events", "deploy/nats"}},
	// The process that holds the key, and what looks at everything. Neither makes rows.
	{of: "internal/watch", never: []string{"projector", "internal/ingest"}},
	{of: "internal/checkup", never: []string{"projector"}},
	// Leaves.
	{of: "schema", ours: none},
	{of: "schema/migrate", ours: []string{"schema"}},
	{of: "deploy/nats", ours: none},
	{of: "internal/changefeed", ours: none},
	{of: "internal/ops", ours: none},
	{of: "internal/progress", ours: none},
	{of: "internal/settings", ours: none},
	// The outside world, and so the oracle: what it shared with us could be wrong in both.
	{of: "internal/clerksim/...", ours: []string{"internal/clerksim/..."}},
	// The read side.
	{of: "auth", ours: none, never: writeSide},
	{of: "auth/...", ours: []string{"auth", "internal/changefeed"}, never: writeSide},
	{of: "directory", ours: []string{"internal/changefeed"}, never: writeSide},
	{of: "directory/hydrate", ours: []string{"directory", "events", "internal/hydrate/wire"}, never: writeSide},
	// Side effects. They come from the stream, as rows do, and make none.
	{of: "subscribe", ours: []string{"events", "deploy/nats"}, never: []string{"projector", "projections", "schema/..."}},
	{of: "examples/...", ours: public, never: workshop},
	// What runs in production. A webhook target has no business with a database.
	{of: "cmd/ingest", never: append([]string{"projector", "projections", "schema/...", "github.com/jackc/pgx/v5/..."}, workshop...)},
	{of: "cmd/projector", never: append([]string{"internal/ingest"}, workshop...)},
	// Everybody.
	{of: "...", avoids: []string{"cmd/...", "internal/testkit", "projections/projectiontest"}},
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	packages := loadPackages(t)
	for _, violation := range violations(rules, packages) {
		t.Error(violation)
	}
	for _, r := range rules {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return matches(r.of, p.ImportPath) }) {
			t.Errorf("rule of %s: there is no such package, and a rule for what is not there is no rule", r.of)
		}
	}
}

// The negative control: for each word of each rule, a tree made up to break just that word.
func TestEachRuleIsBrokenByWhatItForbids(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		from := instance(r.of)
		var broken []goPackage
		if r.ours != nil {
			broken = append(broken, goPackage{ImportPath: from, Imports: []string{module + "/made/up"}})
		}
		if r.others != nil {
			broken = append(broken, goPackage{ImportPath: from, Imports: []string{"example.com/made/up"}})
		}
		for _, pattern := range r.avoids {
			broken = append(broken, goPackage{ImportPath: from, Imports: []string{instance(pattern)}})
		}
		for _, pattern := range r.never {
			broken = append(broken, goPackage{ImportPath: from, Imports: []string{"example.com/between"}, Deps: []string{"example.com/between", instance(pattern)}})
		}
		if len(broken) == 0 {
			t.Errorf("rule of %s forbids nothing", r.of)
		}
		for _, p := range broken {
			if got := violations([]rule{r}, []goPackage{p}); len(got) != 1 {
				t.Errorf("rule of %s, package %s importing %s and linking %s: violations %q, not one", r.of, p.ImportPath, p.Imports, p.Deps, got)
			}
		}
		allowed := goPackage{ImportPath: from, Imports: []string{"fmt"}, Deps: []string{"fmt", "unsafe"}}
		for _, pattern := range slices.Concat(r.ours, r.others) {
			allowed.Imports = append(allowed.Imports, instance(pattern))
		}
		if got := violations([]rule{r}, []goPackage{allowed}); len(got) > 0 {
			t.Errorf("rule of %s forbids what it allows: %q", r.of, got)
		}
	}
}

// violations lists what the packages do against the rules, one line each.
func violations(rules []rule, packages []goPackage) []string {
	var found []string
	for _, r := range rules {
		for _, p := range packages {
			if !matches(r.of, p.ImportPath) {
				continue
			}
			for _, path := range p.Imports {
				switch {
				case r.ours != nil && isOurs(path) && !matchesAny(r.ours, path):
					found = append(found, fmt.Sprintf("%s imports %s; of ours it may import %q", p.ImportPath, path, r.ours))
				case r.others != nil && isOthers(path) && !matchesAny(r.others, path):
					found = append(found, fmt.Sprintf("%s imports %s; beside the standard library it may import %q", p.ImportPath, path, r.others))
				case matchesAny(r.avoids, path):
					found = append(found, fmt.Sprintf("%s imports %s, which nothing but a test may", p.ImportPath, path))
				}
			}
			for _, path := range p.Deps {
				if matchesAny(r.never, path) {
					found = append(found, fmt.Sprintf("%s links %s", p.ImportPath, path))
				}
			}
		}
	}
	return found
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

func matches(pattern, path string) bool {
	if pattern == "..." {
		return isOurs(path)
	}
	root, tree := strings.CutSuffix(qualified(pattern), "/...")
	return path == root || tree && strings.HasPrefix(path, root+"/")
}

// instance is an import path that matches the pattern.
func instance(pattern string) string {
	if pattern == "..." {
		return module + "/anything"
	}
	return strings.Replace(qualified(pattern), "/...", "/below", 1)
}

// qualified makes a folder of ours an import path; those of others have a dot in their first element or are the standard library's.
func qualified(pattern string) string {
	first, _, _ := strings.Cut(pattern, "/")
	if strings.Contains(first, ".") || first == "testing" || first == "net" {
		return pattern
	}
	return module + "/" + pattern
}

func isOurs(path string) bool { return strings.HasPrefix(path, module+"/") }

func isOthers(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && !isOurs(path)
}

// goPackage is one package as go list tells of it; tests are no part of it.
type goPackage struct {
	ImportPath, Dir        string
	GoFiles, Imports, Deps []string
}

// loadPackages lists all packages of the module, once for all tests.
func loadPackages(t *testing.T) []goPackage {
	t.Helper()
	packages, err := listPackages()
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

var listPackages = sync.OnceValues(func() ([]goPackage, error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...").Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			return nil, fmt.Errorf("decode go list: %w", err)
		}
		packages = append(packages, p)
	}
	return packages, nil
})
