package rls

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// login is one of a service: a member of clerkstream_tenant that can log in, or one that was named.
type login struct {
	name string
	// becomes is every role it is or can become.
	becomes []string
	// above are those of them that no policy holds back, with the attribute.
	above []string
	// reaches are the tables that it has any right on, owns those that it, or a role it can become, owns.
	reaches, owns []uint32
}

func loadLogins(ctx context.Context, db Database, named []string) (all []login, err error) {
	// Memberships are followed by hand: a superuser is a member of everything to pg_has_role.
	rows, err := db.Query(ctx, `
with recursive becomes (login, role) as (
  select oid, oid from pg_roles where rolcanlogin or rolname = any($2)
  union
  select b.login, m.roleid from becomes b join pg_auth_members m on m.member = b.role
), wanted as (
  select distinct b.login from becomes b join pg_roles t on t.oid = b.role join pg_roles l on l.oid = b.login where t.rolname = $1 and l.rolcanlogin or l.rolname = any($2)
)
select l.rolname,
  array(select r.rolname from becomes b join pg_roles r on r.oid = b.role where b.login = w.login order by 1)::text[],
  array(select r.rolname || ' is ' || case when r.rolsuper then 'a superuser' when r.rolbypassrls then 'BYPASSRLS' else 'CREATEROLE, and can make itself a member of any role' end
    from becomes b join pg_roles r on r.oid = b.role where b.login = w.login and (r.rolsuper or r.rolbypassrls or r.rolcreaterole) order by 1),
  array(select c.oid from pg_class c where c.relkind in ('r', 'p') and c.oid >= 16384
    and has_schema_privilege(w.login, c.relnamespace, 'usage') and (has_table_privilege(w.login, c.oid, 'select, insert, update, delete, truncate') or has_any_column_privilege(w.login, c.oid, 'select, insert, update'))),
  array(select c.oid from pg_class c join becomes b on b.role = c.relowner where b.login = w.login and c.relkind in ('r', 'p') and c.oid >= 16384)
from wanted w join pg_roles l on l.oid = w.login
order by 1`, projections.RoleTenant, append([]string{}, named...))
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l login, err error) {
		err = row.Scan(&l.name, &l.becomes, &l.above, &l.reaches, &l.owns)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	for _, name := range named {
		if !slices.ContainsFunc(all, func(l login) bool { return l.name == name }) {
			return nil, fmt.Errorf("there is no login %s", name)
		}
	}
	return all, nil
}

// examine tells what raises a login above the policies.
func (l login) examine(tables []*relation, report *Report) {
	find := func(f Finding) {
		f.On = "login " + l.name
		report.add(f)
	}
	const tried = "look at the login and at every role it can become"
	if len(l.above) > 0 {
		find(Finding{Code: LoginAbove, Tried: tried, CameBack: strings.Join(l.above, "; ") + ": no policy holds it back",
			Mend: "alter role " + quote(l.name) + " nosuperuser nobypassrls nocreaterole; or give the service a login of its own"})
	}
	var owned, adding []string
	for _, r := range tables {
		if slices.Contains(l.owns, r.oid) {
			owned = append(owned, r.String())
		}
		for _, p := range r.policies {
			for _, role := range p.roles {
				// Of read models, the roles behind the policies are told of as roles below.
				if r.model == nil && role != projections.RoleTenant && role != "public" && slices.Contains(l.becomes, role) && p.permissive {
					adding = append(adding, fmt.Sprintf("%s of %s", quote(p.name), r))
				}
			}
		}
	}
	if len(owned) > 0 {
		find(Finding{Code: LoginOwner, Tried: tried, CameBack: "owns " + listed(owned) + ": it can switch row level security off",
			Mend: "let migrations have a login of their own that owns the tables: alter table … owner to …;"})
	}
	var more []string
	for _, role := range []string{projections.RoleOwner, projections.RoleProjector, projections.RoleReader} {
		if slices.Contains(l.becomes, role) && slices.Contains(l.becomes, projections.RoleTenant) {
			more = append(more, role)
		}
	}
	if len(more) > 0 {
		find(Finding{Code: LoginOfTwoRoles, Tried: tried, CameBack: "is " + strings.Join(more, " and ") + " beside " + projections.RoleTenant + ", and policies add up",
			Mend: fmt.Sprintf("revoke %s from %s;", strings.Join(more, ", "), quote(l.name))})
	}
	if len(adding) > 0 {
		find(Finding{Code: LoginOfTwoRoles, Tried: tried, CameBack: "policies for other roles it is a member of add up: " + listed(adding), Mend: "give what they are for a login of its own"})
	}
}

func listed(words []string) string {
	const enough = 4
	if len(words) <= enough {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:enough], ", "), len(words)-enough)
}
