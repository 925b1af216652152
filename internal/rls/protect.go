package rls

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// PolicyTenant is the name of the policy that Protect makes, AllRows that of the one for jobs.
const (
	PolicyTenant  = "clerkstream_tenant"
	PolicyAllRows = "clerkstream_all_rows"
)

// Verbs are what a tenant can be granted. There is no truncate among them: Postgres asks no policy before it.
var Verbs = []string{"select", "insert", "update", "delete"}

// Protection is what makes a service's own table show each tenant its own rows.
type Protection struct {
	// Schema may be empty: then the search path decides where the table is.
	Schema, Table string
	Owner         Ownership
	// Verbs are granted to clerkstream_tenant. Empty is all four.
	Verbs []string
	// AllRows are roles that see and write every row, by a policy and not by BYPASSRLS: jobs across organizations.
	AllRows []string
	// NoDefault leaves the columns' defaults as they are.
	NoDefault bool

	// Found is what the database told of the table; nil when it was not asked.
	Found *Found
}

// Ownership says which columns of a row name whom it belongs to. With both it is the user in the organization.
type Ownership struct {
	OrgColumn  string `json:"org_column,omitempty"`
	UserColumn string `json:"user_column,omitempty"`
}

// String is the sentence that stands as the policy's comment. There Test reads what the policy is meant to do, which its condition may not.
func (o Ownership) String() string {
	switch {
	case o.UserColumn == "":
		return "rows belong to the organization in " + quote(o.OrgColumn)
	case o.OrgColumn == "":
		return "rows belong to the user in " + quote(o.UserColumn)
	default:
		return "rows belong to the user in " + quote(o.UserColumn) + " and the organization in " + quote(o.OrgColumn)
	}
}

var (
	saysOrg  = regexp.MustCompile(`^rows belong to .*the organization in "((?:[^"]|"")+)"`)
	saysUser = regexp.MustCompile(`^rows belong to the user in "((?:[^"]|"")+)"`)
)

// parseOwnership reads the sentence back; ok is false for any other comment.
func parseOwnership(comment string) (o Ownership, ok bool) {
	unquoted := func(m []string) string {
		if m == nil {
			return ""
		}
		return strings.ReplaceAll(m[1], `""`, `"`)
	}
	o = Ownership{OrgColumn: unquoted(saysOrg.FindStringSubmatch(comment)), UserColumn: unquoted(saysUser.FindStringSubmatch(comment))}
	return o, o != Ownership{}
}

// Condition is when a row is the tenant's. It goes by the settings alone: a policy that read the views of the read model would keep the old generation
// after a switch, for Postgres resolves names in a policy when it is made.
func (o Ownership) Condition() string {
	var parts []string
	if o.OrgColumn != "" {
		parts = append(parts, quote(o.OrgColumn)+" = "+projections.CurrentOrg)
	}
	if o.UserColumn != "" {
		parts = append(parts, quote(o.UserColumn)+" = "+projections.CurrentUser)
	}
	return strings.Join(parts, " and ")
}

// setting is the value a column gets by default. A default takes no subselect.
func setting(name string) string { return "nullif(current_setting('" + name + "', true), '')" }

// Name is the table's name, quoted.
func (p *Protection) Name() string {
	if p.Schema == "" {
		return quote(p.Table)
	}
	return quote(p.Schema, p.Table)
}

// Statements protect the table, in this order and in one transaction. They can be run again at any time, by the table's owner.
func (p *Protection) Statements() []string {
	name, tenant := p.Name(), quote(projections.RoleTenant)
	out := []string{
		"alter table " + name + " enable row level security",
		"alter table " + name + " force row level security",
	}
	out = append(out, p.defaults()...)
	out = append(out,
		"drop policy if exists "+quote(PolicyTenant)+" on "+name,
		fmt.Sprintf("create policy %s on %s for all to %s\n  using (%s)\n  with check (%[4]s)", quote(PolicyTenant), name, tenant, p.Owner.Condition()),
		"comment on policy "+quote(PolicyTenant)+" on "+name+" is "+literal(p.Owner.String()),
	)
	verbs := p.verbs()
	out = append(out, p.grants(tenant, verbs)...)
	out = append(out, "drop policy if exists "+quote(PolicyAllRows)+" on "+name)
	if len(p.AllRows) > 0 {
		roles := make([]string, len(p.AllRows))
		for i, r := range p.AllRows {
			roles[i] = quote(r)
		}
		all := strings.Join(roles, ", ")
		out = append(out, fmt.Sprintf("create policy %s on %s for all to %s using (true) with check (true)", quote(PolicyAllRows), name, all))
		out = append(out, p.grants(all, Verbs)...)
	}
	return out
}

func (p *Protection) defaults() (out []string) {
	if p.NoDefault {
		return nil
	}
	for column, name := range map[string]string{p.Owner.OrgColumn: "clerk.org_id", p.Owner.UserColumn: "clerk.user_id"} {
		if column != "" {
			out = append(out, "alter table "+p.Name()+" alter column "+quote(column)+" set default "+setting(name))
		}
	}
	slices.Sort(out)
	return out
}

func (p *Protection) verbs() []string {
	if len(p.Verbs) == 0 {
		return Verbs
	}
	return p.Verbs
}

func (p *Protection) grants(to string, verbs []string) (out []string) {
	if p.Schema != "" {
		out = append(out, "grant usage on schema "+quote(p.Schema)+" to "+to)
	}
	// What an earlier run granted and this one does not would stay otherwise.
	out = append(out, "revoke all on table "+p.Name()+" from "+to, "grant "+strings.Join(verbs, ", ")+" on table "+p.Name()+" to "+to)
	if p.Found != nil && slices.Contains(verbs, "insert") {
		for _, sequence := range p.Found.sequences {
			out = append(out, "grant usage on sequence "+sequence+" to "+to)
		}
	}
	return out
}

// SQL is the statements as a migration wants them, with remarks as comments. There is no begin and no commit in it: migrations have their own. Between two of
// the statements nobody sees more than before and after.
func (p *Protection) SQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s: %s.\n-- Run it as the table's owner, in one transaction; running it again changes nothing.\n", p.Name(), p.Owner)
	for _, s := range p.Statements() {
		b.WriteString(s + ";\n")
	}
	for _, r := range p.remarks() {
		b.WriteString("\n-- " + strings.ReplaceAll(r, "\n", "\n-- ") + "\n")
	}
	return b.String()
}

func (p *Protection) remarks() (out []string) {
	if p.Found == nil || !p.Found.indexed {
		first := quote(cmp.Or(p.Owner.OrgColumn, p.Owner.UserColumn))
		text := "Every query of a tenant asks for " + first + ". Unless an index begins with it:"
		if p.Found != nil {
			text = "Every query of a tenant asks for " + first + ", and no index begins with it:"
		}
		out = append(out, fmt.Sprintf("%s\ncreate index concurrently on %s (%s);", text, p.Name(), first))
	}
	if p.Found != nil {
		out = append(out, p.Found.remarks...)
	}
	return out
}

func quote(names ...string) string { return pgx.Identifier(names).Sanitize() }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// ParseTable takes a table's name apart: name or schema.name, as they are. What holds a dot itself is put in double quotes.
func ParseTable(text string) (schema, table string, err error) {
	var parts []string
	for rest := text; rest != ""; {
		m := part.FindStringSubmatch(rest)
		if m == nil {
			return "", "", fmt.Errorf("%q is no name of a table", text)
		}
		parts = append(parts, strings.ReplaceAll(m[1], `""`, `"`)+m[2])
		rest = rest[len(m[0]):]
	}
	switch {
	case len(parts) == 1 && !strings.HasSuffix(text, "."):
		return "", parts[0], nil
	case len(parts) == 2 && !strings.HasSuffix(text, "."):
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("%q is no name of a table", text)
}

var part = regexp.MustCompile(`^(?:"((?:[^"]|"")+)"|([^".]+))(?:\.|$)`)
