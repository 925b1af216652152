package rls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clerkstream/clerkstream/projections"
)

// Config says what Test looks at. The zero value is everything, as clerkstream_tenant.
type Config struct {
	// Tables are the tables to try, by name, with or without schema; none is all.
	Tables []string
	// Owner says whom the rows of Tables belong to, where neither a policy's comment nor the names of the columns do.
	Owner Ownership
	// Skip are tables to leave alone.
	Skip []string
	// Logins are logins of services, which are tried beside clerkstream_tenant. Those that are members of it are looked at anyway.
	Logins []string
	// Set gives planted rows values that cannot be guessed: "table.column" to text.
	Set map[string]string
	// Timeout is how long one statement may take. Default: 5 s.
	Timeout time.Duration
}

func (c Config) withDefaults() Config {
	if len(c.Tables) == 0 {
		c.Tables = []string{"all"}
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	return c
}

func (c Config) tenantRoles() []string { return append([]string{projections.RoleTenant}, c.Logins...) }

// chosen tells whether a table is to be tried.
func (c Config) chosen(r *relation) bool {
	if slices.ContainsFunc(c.Skip, r.named) || !slices.ContainsFunc(c.Tables, r.named) {
		return false
	}
	byName := slices.ContainsFunc(c.Tables, func(word string) bool { return word != "all" && r.named(word) })
	// A partition is asked through its parent; what of it is open to others is another matter: see structure.go.
	return byName || r.model != nil || !r.partition && (r.enabled || len(r.policies) > 0 || r.orgLike != "")
}

// trial tries one table, in one transaction.
type trial struct {
	cfg    Config
	report *Report
	table  *TableReport
	rel    *relation
	all    *catalogue
	owns   owns
	stage  *stage
}

// tryTable plants rows of two tenants and tries what each may do with them.
func tryTable(ctx context.Context, db Database, cfg Config, all *catalogue, rel *relation, report *Report) error {
	table := TableReport{Table: rel.String(), relation: rel.String()}
	t := &trial{cfg: cfg, report: report, table: &table, rel: rel, all: all, owns: cfg.owned(rel)}
	table.Owner = t.owns.String()
	var err error
	if t.stage, err = open(ctx, db, cfg.Timeout); err != nil {
		return err
	}
	defer t.stage.close(ctx)
	w := newWorld()
	switch {
	case rel.model == nil:
		err = t.tryOwn(ctx, w)
	case known(rel.table):
		err = t.tryModel(ctx, w)
	default:
		err = t.tryForeignModel(ctx, w)
	}
	if rel.model != nil {
		table.ReadModel = rel.model.String()
		table.Table = rel.model.viewsIn + "." + rel.table
	}
	table.Tries = t.stage.tries
	report.Tables = append(report.Tables, table)
	if missing, ok := errors.AsType[*unplantable](err); ok {
		mend := "give the value: --set " + rel.table + ".<column>=<value>"
		if strings.Contains(missing.reason, denied) {
			mend = "run it as a superuser, or as a login that may insert into the table and is a member of " + projections.RoleTenant
		}
		t.find(Finding{Code: CouldNotPlant, Tried: "plant a row", CameBack: missing.Error(), Mend: mend})
		return nil
	}
	if err != nil {
		return fmt.Errorf("try %s: %w", rel, err)
	}
	return nil
}

func (t *trial) find(f Finding) {
	f.On = t.rel.String()
	t.report.add(f)
}

// asked is the policies that decide about a role and a verb.
func (t *trial) asked(role, verb string) (out []string) {
	if !strings.HasPrefix(role, "clerkstream_") { // a login, by its membership
		role = projections.RoleTenant
	}
	for _, p := range t.rel.policies {
		if (p.verb == verb || p.verb == "all") && (slices.Contains(p.roles, role) || slices.Contains(p.roles, "public")) {
			out = append(out, p.String())
		}
	}
	if len(out) == 0 {
		return []string{"no policy for " + role + " and " + verb}
	}
	return out
}

func (t *trial) mend() string {
	if t.rel.model != nil {
		return t.owns.protect(t.rel)
	}
	var extra []string
	for _, p := range t.rel.policies {
		if p.forTenant && p.permissive && p.name != PolicyTenant {
			extra = append(extra, "drop policy "+quote(p.name)+" on "+t.rel.quoted()+";")
		}
	}
	return strings.Join(append(extra, t.owns.protect(t.rel)), "\n")
}

// protect is what gives a table its policies anew. For a read model that is a new generation.
func (o Ownership) protect(r *relation) string {
	if r.model != nil {
		return fmt.Sprintf("projector rebuild --service %s, then projector switch: a new generation is made as the code says", r.model.service)
	}
	return "clerkstream rls protect " + r.String() + " " + o.flags() + " --apply"
}

func (o Ownership) flags() string {
	var out []string
	if o.OrgColumn != "" {
		out = append(out, "--org-column "+o.OrgColumn)
	}
	if o.UserColumn != "" {
		out = append(out, "--user-column "+o.UserColumn)
	}
	if len(out) == 0 {
		return "--org-column …"
	}
	return strings.Join(out, " ")
}
