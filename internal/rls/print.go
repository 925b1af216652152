package rls

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Print writes the report for a person: what was tried, then what was found, then the sum.
func (r *Report) Print(out io.Writer) error {
	p := &printer{}
	p.line("database %s, as %s; all that is planted is rolled back", r.Database, r.Login)
	p.line("A and B are two new organizations with a user each, who meet in no row")
	p.tables(r)
	p.findings(r, false)
	p.findings(r, true)
	p.line("")
	p.line("%s", r.Sum())
	_, err := io.WriteString(out, p.String())
	return err
}

// Sum is the outcome in a line.
func (r *Report) Sum() string {
	tries, wrong := 0, r.Wrong()
	for _, t := range r.Tables {
		tries += t.Tries
	}
	text := fmt.Sprintf("%s tried in %s: ", counted(tries, "thing", "things"), counted(len(r.Tables), "table", "tables"))
	if wrong == 0 {
		text += "tenants are kept apart"
	} else {
		text += counted(wrong, "finding", "findings")
	}
	if advice := len(r.Findings) - wrong; advice > 0 {
		text += ", " + counted(advice, "remark", "remarks")
	}
	return text
}

func counted(n int, one, many string) string { return fmt.Sprintf("%d %s", n, noun(n, one, many)) }

func noun(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p, strings.TrimRight(format, " ")+"\n", args...)
}

func (p *printer) tables(r *Report) {
	width, group := 0, "-"
	for _, t := range r.Tables {
		width = max(width, utf8.RuneCountInString(t.Table))
	}
	for _, t := range r.Tables {
		if t.ReadModel != group {
			group = t.ReadModel
			p.line("")
			if group == "" {
				p.line("the service's own tables")
			} else {
				p.line("read models of %s, each row as docs/row-level-security.md says", group)
			}
		}
		note := t.Owner
		if t.ReadModel != "" {
			note = ""
		}
		rows, tries := noun(t.Planted, "row", "rows"), noun(t.Tries, "try", "tries")
		p.line("%s", strings.TrimRight(fmt.Sprintf("  %s %-*s %3d %-4s %4d %-5s  %s", r.mark(t), width, t.Table, t.Planted, rows, t.Tries, tries, note), " "))
	}
}

// mark is a word, for a terminal without colours and for who cannot tell them.
func (r *Report) mark(t TableReport) string {
	wrong := slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Advice && (f.On == t.Table || f.On == t.relation) })
	switch {
	case wrong:
		return "FOUND"
	case t.Tries == 0:
		return "-    "
	default:
		return "ok   "
	}
}

func (p *printer) findings(r *Report, advice bool) {
	first := true
	for _, f := range r.Findings {
		if f.Advice != advice {
			continue
		}
		if first {
			p.line("")
			p.line("%s", map[bool]string{false: "found", true: "worth knowing"}[advice])
		}
		first = false
		p.line("")
		p.line("  %s: %s", f.On, headings[f.Code])
		p.field("tried", f.Tried)
		more := ""
		if f.Times > 1 {
			more = fmt.Sprintf(" (and %s to the same end)", counted(f.Times-1, "more try", "more tries"))
		}
		p.field("came back", f.CameBack+more)
		for _, b := range f.Because {
			p.field("asked", b)
		}
		p.field("mend", f.Mend)
	}
}

func (p *printer) field(name, text string) {
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			name = ""
		}
		p.line("    %-10s %s", name, line)
	}
}

// headings say each kind of finding in words.
var headings = map[Code]string{
	ForeignRowsSeen:    "rows of others are seen",
	ForeignRowsWritten: "rows of others are written",
	NobodySeesRows:     "nobody in particular sees or writes rows",
	OwnRowsUnseen:      "one's own rows are not seen",
	OwnRowsRefused:     "one's own rows cannot be written, although it is granted",
	TableReachable:     "the table is reached past its view",
	ReadModelClosed:    "clerkstream itself cannot do its work",
	SettingError:       "no identity is an error, not no rows",
	ConflictTells:      "a unique key tells whether others have a value",
	CouldNotPlant:      "not tried: no row could be planted",
	CouldNotTry:        "not tried to the end",
	RLSOff:             "row level security is off",
	NotForced:          "row level security is not forced",
	NoPolicy:           "no policy for tenants",
	PolicyReadsModel:   "a policy reads a generation",
	GrantToPublic:      "granted to everybody",
	GrantTooWide:       "granted more than policies hold back",
	ViewNotInvoker:     "a view looks with its owner's eyes",
	MaterializedCopy:   "a copy without policies",
	PartitionOpen:      "a partition is open",
	FunctionDefiner:    "a function looks with its owner's eyes",
	LoginAbove:         "the login stands above the policies",
	LoginOwner:         "the login owns what it is to be kept from",
	LoginOfTwoRoles:    "the login sees more than a tenant",
	NoLogin:            "no login to look at",
	UnprotectedTable:   "rows of organizations without a policy",
	UnprotectedRemote:  "rows of organizations without a policy, out of tenants' reach",
}
