package rls

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clerkstream/clerkstream/projections"
)

// structure tells what the catalogue says of a table, without trying anything.
func structure(cfg Config, r *relation, logins []login, report *Report) {
	find := func(f Finding) {
		f.On = r.String()
		report.add(f)
	}
	protect := cfg.owned(r).protect(r)
	switch {
	case !r.enabled && len(r.policies) == 0 && r.model == nil && !reachedBy(r, logins):
		find(Finding{Code: UnprotectedRemote, Advice: true, Tried: "look for tables with a column like " + r.orgLike, CameBack: "no policy; no tenant reaches the table now", Mend: protect})
		return
	case !r.enabled && len(r.policies) == 0:
		find(Finding{Code: UnprotectedTable, Tried: "look for tables with a column like " + r.orgLike, CameBack: "no policy, and row level security is off", Mend: protect})
	case !r.enabled:
		find(Finding{Code: RLSOff, Tried: "look at the table", CameBack: "it has policies, and row level security is off: nobody asks them", Mend: "alter table " + r.quoted() + " enable row level security, force row level security;"})
	case !r.forced:
		find(Finding{Code: NotForced, Tried: "look at the table", CameBack: "row level security is not forced: the owner, " + r.owner + ", sees every row", Mend: "alter table " + r.quoted() + " force row level security;"})
	}
	policies(r, protect, find)
	privileges(r, find)
}

// reachedBy tells whether a tenant, by the role or by a login, can do anything with the table.
func reachedBy(r *relation, logins []login) bool {
	return r.reached() || len(r.public) > 0 || slices.ContainsFunc(logins, func(l login) bool { return slices.Contains(l.reaches, r.oid) })
}

func policies(r *relation, protect string, find func(Finding)) {
	ofTenant := slices.ContainsFunc(r.policies, func(p policy) bool { return p.forTenant && p.permissive })
	if r.enabled && r.model == nil && !ofTenant && r.reached() {
		find(Finding{Code: NoPolicy, Tried: "look for policies", CameBack: "none lets " + projections.RoleTenant + " see a row: no tenant sees its own", Mend: protect})
	}
	for _, p := range r.policies {
		if p.readsModel && r.model == nil {
			find(Finding{Code: PolicyReadsModel, Tried: "look what policies refer to", CameBack: p.String() + " reads a generation, and would go on reading the old one after a switch",
				Mend: "say it with the settings alone, or check it in the service's code\n" + protect})
		}
	}
}

func privileges(r *relation, find func(Finding)) {
	if len(r.public) > 0 {
		find(Finding{Code: GrantToPublic, Tried: "look at grants", CameBack: "every login may " + strings.Join(r.public, ", "), Mend: "revoke all on table " + r.quoted() + " from public;"})
	}
	if wide := r.wide; len(wide) > 0 {
		find(Finding{Code: GrantTooWide, Tried: "look at grants", CameBack: fmt.Sprintf("%s may %s, for which Postgres asks no policy", projections.RoleTenant, strings.Join(wide, ", ")),
			Mend: fmt.Sprintf("revoke %s on table %s from %s;", strings.Join(wide, ", "), r.quoted(), projections.RoleTenant)})
	}
	// A partition that can be named is a table without its parent's policies.
	if r.partition && !r.enabled && r.reached() {
		find(Finding{Code: PartitionOpen, Tried: "look at partitions", CameBack: "tenants may read it past its parent, whose policies are not asked then",
			Mend: "revoke all on table " + r.quoted() + " from " + projections.RoleTenant + ";"})
	}
}
