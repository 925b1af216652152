package clerksim

import (
	"net/http"
	"slices"
	"strings"
)

// addOrganizationLists are the reading paths of organizations and what belongs to them.
func (c *Clerk) addOrganizationLists(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/organizations", listedIn(c, organizationOrderings(), func(w *World) *pool[*organization] { return &w.orgs }, organizationFilter))
	mux.HandleFunc("GET /v1/organizations/{org}", c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		o, problem := w.organizationIn(r)
		if problem != nil {
			return nil, problem
		}
		return single(w, o), nil
	}))
	mux.HandleFunc("GET /v1/organization_memberships", listedIn(c, membershipOrderings(), func(w *World) *pool[*membership] { return &w.memberships }, nil))
	mux.HandleFunc("GET /v1/organizations/{org}/memberships", listedOf(c, membershipOrderings(), membersIn))
	c.addInvitationLists(mux)
	c.addDomainLists(mux)
}

func organizationOrderings() orderings[*organization] {
	return orderings[*organization]{
		"created_at":    createdAt[*organization](),
		"name":          {text: func(o *organization) string { return strings.ToLower(o.name) }},
		"members_count": {number: func(o *organization) int64 { return int64(o.members.len()) }},
	}
}

// organizationIn is the one that the path names, by id or by slug.
func (w *World) organizationIn(r *http.Request) (*organization, *apiError) {
	name := r.PathValue("org")
	if o, ok := w.orgs.get(name); ok {
		return o, nil
	}
	if !strings.HasPrefix(name, "org_") {
		if i := slices.IndexFunc(w.orgs.items, func(o *organization) bool { return o.slug == name }); i >= 0 && name != "" {
			return w.orgs.items[i], nil
		}
	}
	return nil, noSuch()
}

func organizationFilter(_ *World, q *listing) (func(*organization) bool, *apiError) {
	given, problem := q.several("user_id")
	if problem != nil {
		return nil, problem
	}
	ids, problem := q.several("organization_id")
	if problem != nil {
		return nil, problem
	}
	users, notUsers := signed(given)
	wanted, unwanted := signed(ids)
	part := strings.ToLower(q.values.Get("query"))
	if len(users)+len(notUsers)+len(wanted)+len(unwanted)+len(part) == 0 {
		return nil, nil //nolint:nilnil // no filter was asked for
	}
	has := func(o *organization, users []string) bool {
		return slices.ContainsFunc(o.members.items, func(m *membership) bool { return slices.Contains(users, m.user.id) })
	}
	return func(o *organization) bool {
		return (len(users) == 0 || has(o, users)) && (len(notUsers) == 0 || !has(o, notUsers)) &&
			(len(wanted) == 0 || slices.Contains(wanted, o.id)) && !slices.Contains(unwanted, o.id) &&
			(part == "" || strings.ToLower(o.id) == part || strings.Contains(strings.ToLower(o.name), part) || strings.Contains(strings.ToLower(o.slug), part))
	}, nil
}

// membershipOrderings are, but for the first, of the member.
func membershipOrderings() orderings[*membership] {
	ofMember := func(text func(*user) string) ordering[*membership] {
		return ordering[*membership]{text: func(m *membership) string { return text(m.user) }}
	}
	return orderings[*membership]{
		"created_at":    createdAt[*membership](),
		"email_address": ofMember((*user).primaryAddress),
		"phone_number":  ofMember((*user).primaryNumber),
		"first_name":    ofMember(func(u *user) string { return u.first }),
		"last_name":     ofMember(func(u *user) string { return u.last }),
		"username":      ofMember(func(u *user) string { return u.username }),
	}
}

// membersIn takes the filters of users, of the members, and role. created_at is the membership's.
func membersIn(w *World, r *http.Request, q *listing) ([]*membership, *apiError) {
	o, problem := w.organizationIn(r)
	if problem != nil {
		return nil, problem
	}
	filter, problem := readUserFilter(w, q)
	if problem != nil {
		return nil, problem
	}
	roles, problem := q.several("role")
	if problem != nil {
		return nil, problem
	}
	var list []*membership
	for _, m := range o.members.items {
		if filter.among != nil && !slices.Contains(filter.among, m.user) || len(roles) > 0 && !slices.Contains(roles, m.role) {
			continue
		}
		if filter.created.holds(m.created) && filter.fits(m.user) {
			list = append(list, m)
		}
	}
	return list, nil
}
