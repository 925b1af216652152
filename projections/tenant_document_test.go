package projections_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	document      = "../docs/row-level-security.md"
	documentBegin = "<!-- The tables from here on are those of projections/tenant_matrix_test.go, which compares. -->\n"
	documentEnd   = "<!-- End of the tables. -->\n"
)

func TestTheDocumentSaysWhatTheMatrixSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), documentBegin)
	have, _, ends := strings.Cut(rest, documentEnd)
	if want := markdown(); !begins || !ends || have != want {
		t.Errorf("%s should have this between its two marks:\n%s", document, want)
	}
}

func markdown() string {
	var b strings.Builder
	b.WriteString("\n| read model | who sees a row |\n| --- | --- |\n")
	for _, s := range matrix {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.view, s.rule)
	}
	b.WriteString("\n| identity | `clerk.org_id` | `clerk.user_id` | is |\n| --- | --- | --- | --- |\n")
	for _, i := range identities {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", i.name, cell(i.org), cell(i.user), i.is)
	}
	b.WriteString("\n| read model |")
	for _, i := range identities {
		b.WriteString(" " + i.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(identities)+1) + "\n")
	for _, s := range matrix {
		fmt.Fprintf(&b, "| `%s` |", s.view)
		for _, i := range identities {
			b.WriteString(" " + cell(s.rows[i.name]) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return b.String()
}

func cell(s string) string {
	if s == "" || s == "-" {
		return "–"
	}
	return strings.ReplaceAll(s, " ", ", ")
}
