package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/rls"
)

// The migration says what the command that its comment names would say today.
func TestTheMigrationProtectsOrdersAsRLSProtectDoes(t *testing.T) {
	t.Parallel()
	migration, err := schemaFiles.ReadFile("schema/001_orders.sql")
	if err != nil {
		t.Fatal(err)
	}
	oneLine := func(sql string) string {
		return regexp.MustCompile(`\s+`).ReplaceAllString(strings.TrimSpace(sql), " ")
	}
	rest := oneLine(string(migration))
	protection := rls.Protection{Schema: "orders", Table: "orders", Owner: rls.Ownership{OrgColumn: "organization_id"}}
	for _, statement := range protection.Statements() {
		_, behind, found := strings.Cut(rest, oneLine(statement)+";")
		if !found {
			t.Fatalf("the migration lacks, or has out of order:\n%s", statement)
		}
		rest = behind
	}
}
