package clerksim

import (
	"net/http"
	"slices"
	"strings"
)

// addUserLists are the reading paths of users.
func (c *Clerk) addUserLists(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/users", c.lookUp(listUsers))
	mux.HandleFunc("GET /v1/users/count", c.lookUp(countUsers))
	mux.HandleFunc("GET /v1/users/{id}", found(c, func(w *World) *pool[*user] { return &w.users }))
	mux.HandleFunc("GET /v1/users/{id}/organization_memberships", listedOf(c, membershipOrderings(),
		func(w *World, r *http.Request, _ *listing) ([]*membership, *apiError) {
			u, ok := w.users.get(r.PathValue("id"))
			if !ok {
				return nil, noSuch()
			}
			return w.membershipsOf(u), nil
		}))
}

func userOrderings() orderings[*user] {
	moving := func(number func(*user) int64) ordering[*user] { return ordering[*user]{number: number, kept: true} }
	return orderings[*user]{
		"created_at":      createdAt[*user](),
		"updated_at":      moving(func(u *user) int64 { return u.updated }),
		"last_active_at":  moving(func(u *user) int64 { return u.lastActive }),
		"last_sign_in_at": moving(func(u *user) int64 { return u.lastSignIn }),
		"email_address":   {text: (*user).primaryAddress},
		"phone_number":    {text: (*user).primaryNumber},
		"username":        {text: func(u *user) string { return u.username }},
		"first_name":      {text: func(u *user) string { return u.first }},
		"last_name":       {text: func(u *user) string { return u.last }},
		"web3wallet":      {text: (*user).primaryWalletAddress},
	}
}

func (u *user) primaryAddress() string {
	if e := u.mail(); e != nil {
		return strings.ToLower(e.address)
	}
	return ""
}

func (u *user) primaryNumber() string {
	if p := u.number(); p != nil {
		return p.number
	}
	return ""
}

func (u *user) primaryWalletAddress() string {
	for _, x := range u.wallets {
		if x.id == u.primaryWallet {
			return x.address
		}
	}
	return ""
}

// listUsers answers a bare array, the only list that does.
func listUsers(w *World, r *http.Request) ([]byte, *apiError) {
	q, problem := readListing(r, "-created_at")
	if problem != nil {
		return nil, problem
	}
	if q.after = q.values.Get("starting_after"); q.after != "" {
		switch {
		case q.by != "created_at":
			return nil, invalid("starting_after", "starting_after needs an order by created_at")
		case q.offset != 0:
			return nil, invalid("starting_after", "starting_after cannot be combined with offset")
		}
	}
	s, problem := w.usersFor(q)
	if problem != nil {
		return nil, problem
	}
	return rendered(w, nil, s.page(q)), nil
}

// countUsers takes the filters of the list and nothing else of it.
func countUsers(w *World, r *http.Request) ([]byte, *apiError) {
	s, problem := w.usersFor(&listing{values: r.URL.Query(), by: "created_at"})
	if problem != nil {
		return nil, problem
	}
	return appendJSON(nil, object{{"object", "total_count"}, {"total_count", s.total()}}), nil
}

// usersFor are the users that fit a request, in its order. Without a filter, or with bounds of created_at in the order of created_at, it costs the same in a
// world of any size; a filter by user or organization costs what these ids stand for; every other one reads all users.
func (w *World) usersFor(q *listing) (stretch[*user], *apiError) {
	by, problem := userOrderings().of(q)
	if problem != nil {
		return stretch[*user]{}, problem
	}
	filter, problem := readUserFilter(w, q)
	if problem != nil {
		return stretch[*user]{}, problem
	}
	if filter.among != nil {
		list := slices.DeleteFunc(filter.among, func(u *user) bool { return !filter.fits(u) || !filter.created.holds(u.created) })
		s := whole[*user](settled[*user]{list: sortedBy(by, list)})
		return w.after(s, q, by)
	}
	s := whole(w.users.inOrder(q.by, by, w.revision))
	if o, ok := s.of.(*ordered[*user]); ok && q.by == "created_at" {
		s.low, s.high = filter.created.cut(o)
	} else if filter.created.given() {
		filter.add(func(u *user) bool { return filter.created.holds(u.created) })
	}
	s, problem = w.after(s, q, by)
	if problem != nil || len(filter.tests) == 0 {
		return s, problem
	}
	return s.only(filter.fits), nil
}

// after narrows the stretch to what follows the cursor. Clerk does not say what becomes of a cursor whose user is gone. Here it is refused, the stricter of
// the possibilities: whoever walks has to step back to an earlier user.
func (w *World) after(s stretch[*user], q *listing, by ordering[*user]) (stretch[*user], *apiError) {
	if q.after == "" {
		return s, nil
	}
	u, ok := w.users.get(q.after)
	if !ok {
		return s, invalid("starting_after", "starting_after is not a user of this instance")
	}
	before, upTo := around(s.of, u, by)
	if q.descending {
		s.high = max(s.low, min(s.high, before))
	} else {
		s.low = min(s.high, max(s.low, upTo))
	}
	return s, nil
}

// around is where u stands, or would stand: how many are before it, and how many are not behind it.
func around(list sequence[*user], u *user, by ordering[*user]) (before, upTo int) {
	if o, ok := list.(*ordered[*user]); ok {
		n := o.rank(u)
		return n, n + 1
	}
	n, exact := slices.BinarySearchFunc(list.span(0, list.len()), u, by.compare)
	if exact {
		return n, n + 1
	}
	return n, n
}
