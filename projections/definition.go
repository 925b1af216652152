package projections

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Definition is what Postgres keeps of one read model. In every SQL text here {tables} stands for the quoted schema of the generation's
// tables, so the same definition serves every generation.
type Definition struct {
	Tables []Table
	Views  []View
	// Needs names the other read models whose tables the view or the policies refer to.
	Needs []string
	// Revision is raised when the code behind the columns gives other values than before while their list stays the same.
	Revision int
}

// Table is one table of a read model.
type Table struct {
	Name    string
	Columns string
	// With is the storage options.
	With    string
	Indexes []string
	// Tenant is the condition under which clerkstream_tenant sees a row; empty is never.
	Tenant string
}

// View is what readers see: listed columns, tombstones and what their deletion hides left out.
type View struct {
	Name    string
	Columns []string
	// From is the table; Hide are conditions on its row t that take it out of sight.
	From string
	Hide []string
}

// The roles. They cannot log in; logins are members of them.
const (
	RoleOwner     = "clerkstream_owner"
	RoleProjector = "clerkstream_projector"
	RoleReader    = "clerkstream_reader"
	RoleTenant    = "clerkstream_tenant"
)

// CreateTables is the statements that make the tables in schema tables, without indexes: a bulk load wants them later.
func (d Definition) CreateTables(tables string) []string {
	var out []string
	for _, t := range d.Tables {
		out = append(out, place(tables, fmt.Sprintf("create table {tables}.%s (\n%s\n)%s", quote(t.Name), t.Columns, t.With)))
	}
	return out
}

// CreateIndexes is the statements that make the indexes.
func (d Definition) CreateIndexes(tables string) []string {
	var out []string
	for _, t := range d.Tables {
		for _, index := range t.Indexes {
			out = append(out, place(tables, fmt.Sprintf("create index on {tables}.%s %s", quote(t.Name), index)))
		}
	}
	return out
}

// Analyze is the statements that tell the planner what a bulk load put in.
func (d Definition) Analyze(tables string) []string {
	var out []string
	for _, t := range d.Tables {
		out = append(out, place(tables, "analyze {tables}."+quote(t.Name)))
	}
	return out
}

// Secure is the statements that put the tables under row level security and grant what each role may do. A COPY into a table under FORCE ROW
// LEVEL SECURITY fails, so a bulk load comes before.
//
// Tombstones are visible to tenants because a view has to see that a row's parent is deleted. They hold an id and nothing else, the views
// hide them, and tenants get no usage of the tables' schema, so only the views lead there.
func (d Definition) Secure(tables string) []string {
	var out []string
	for _, t := range d.Tables {
		name := "{tables}." + quote(t.Name)
		out = append(out,
			"alter table "+name+" enable row level security",
			"alter table "+name+" force row level security",
			"create policy projector on "+name+" for all to "+RoleProjector+" using (true) with check (true)",
			"create policy reader on "+name+" for select to "+RoleReader+" using (true)",
			"grant select, insert, update, delete on "+name+" to "+RoleProjector,
			"grant select on "+name+" to "+RoleReader+", "+RoleTenant,
		)
		if t.Tenant != "" {
			out = append(out, "create policy tenant on "+name+" for select to "+RoleTenant+" using ("+t.Tenant+")")
		}
	}
	for i := range out {
		out[i] = place(tables, out[i])
	}
	return out
}

// CreateViews is the statements that make the views in schema views over the tables in schema tables.
func (d Definition) CreateViews(views, tables string) []string {
	var out []string
	for _, v := range d.Views {
		columns := make([]string, len(v.Columns))
		for i, c := range v.Columns {
			columns[i] = "t." + quote(c)
		}
		text := fmt.Sprintf("create view %s.%s with (security_invoker = true) as\nselect %s\nfrom {tables}.%s t",
			quote(views), quote(v.Name), strings.Join(columns, ", "), quote(v.From))
		if len(v.Hide) > 0 {
			text += "\nwhere not (" + strings.Join(v.Hide, ")\n  and not (") + ")"
		}
		out = append(out, place(tables, text),
			fmt.Sprintf("grant select on %s.%s to %s, %s", quote(views), quote(v.Name), RoleReader, RoleTenant))
	}
	return out
}

// Hash identifies the definitions: two processes with the same hash write the same rows into the same tables.
func Hash(all []Projection) string {
	h := sha256.New()
	names := make([]string, 0, len(all))
	byName := map[string]Projection{}
	for _, p := range all {
		names = append(names, p.Name())
		byName[p.Name()] = p
	}
	slices.Sort(names)
	_, _ = fmt.Fprintf(h, "version rule %d\n", events.VersionRule)
	for _, n := range names {
		d := byName[n].Definition()
		_, _ = fmt.Fprintf(h, "%s %d %d\n", n, byName[n].Kind(), d.Revision)
		for _, statements := range [][]string{d.CreateTables("t"), d.CreateIndexes("t"), d.Secure("t"), d.CreateViews("v", "t")} {
			for _, s := range statements {
				_, _ = fmt.Fprintf(h, "%s\n", s)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func place(tables, text string) string { return strings.ReplaceAll(text, "{tables}", quote(tables)) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
