package clerksim

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// bounds are of a time: after and before are both excluded, so that whoever walks stretch by stretch has to let them overlap.
type bounds struct{ after, before int64 }

func unbounded() bounds { return bounds{math.MinInt64, math.MaxInt64} }

func (b bounds) given() bool         { return b != unbounded() }
func (b bounds) holds(ms int64) bool { return b.after < ms && ms < b.before }

// cut is the stretch of a kept order that is within.
func (b bounds) cut(o *ordered[*user]) (low, high int) {
	low, high = 0, o.len()
	if b.after != math.MinInt64 {
		low = o.below(b.after + 1)
	}
	if b.before != math.MaxInt64 {
		high = o.below(b.before)
	}
	return low, max(low, high)
}

func (q *listing) bounds(name string) (bounds, *apiError) {
	b := unbounded()
	if ms, given, problem := q.instant(name + "_after"); problem != nil {
		return b, problem
	} else if given {
		b.after = ms
	}
	if ms, given, problem := q.instant(name + "_before"); problem != nil {
		return b, problem
	} else if given {
		b.before = ms
	}
	return b, nil
}

// userFilter is which users a request asks for. The same filters are on users, on counts and, through the member, on an organization's memberships.
type userFilter struct {
	created bounds
	among   []*user // not nil: only these
	tests   []func(*user) bool
}

func (f *userFilter) add(test func(*user) bool) { f.tests = append(f.tests, test) }

func (f *userFilter) fits(u *user) bool {
	return !slices.ContainsFunc(f.tests, func(test func(*user) bool) bool { return !test(u) })
}

func readUserFilter(w *World, q *listing) (*userFilter, *apiError) {
	f := &userFilter{}
	var problem *apiError
	if f.created, problem = q.bounds("created_at"); problem != nil {
		return nil, problem
	}
	for _, read := range []func(*World, *listing) *apiError{f.readTimes, f.readIDs, f.readOrganizations, f.readIdentifiers, f.readQueries} {
		if problem := read(w, q); problem != nil {
			return nil, problem
		}
	}
	return f, nil
}

func (f *userFilter) readTimes(_ *World, q *listing) *apiError {
	for name, of := range map[string]func(*user) int64{
		"last_active_at":  func(u *user) int64 { return u.lastActive },
		"last_sign_in_at": func(u *user) int64 { return u.lastSignIn },
	} {
		b, problem := q.bounds(name)
		if problem != nil {
			return problem
		}
		if b.given() {
			f.add(func(u *user) bool { return of(u) != 0 && b.holds(of(u)) })
		}
	}
	since, given, problem := q.instant("last_active_at_since")
	if given {
		f.add(func(u *user) bool { return u.lastActive >= since })
	}
	if text := q.values.Get("banned"); text != "" {
		banned, err := strconv.ParseBool(text)
		if err != nil {
			return invalid("banned", "banned is neither true nor false")
		}
		f.add(func(u *user) bool { return u.banned == banned })
	}
	return problem
}

// readIDs reads user_id, whose values may say + for those wanted, as without a sign, or - for those not wanted. Unknown ids are ignored.
func (f *userFilter) readIDs(w *World, q *listing) *apiError {
	given, problem := q.several("user_id")
	wanted, unwanted := signed(given)
	if len(unwanted) > 0 {
		f.add(func(u *user) bool { return !slices.Contains(unwanted, u.id) })
	}
	if len(wanted) == 0 {
		return problem
	}
	slices.Sort(wanted)
	f.among = []*user{}
	for _, id := range slices.Compact(wanted) {
		if u, ok := w.users.get(id); ok {
			f.among = append(f.among, u)
		}
	}
	return problem
}

// signed parts ids by their sign. A + that nobody escaped arrives as a space.
func signed(given []string) (wanted, unwanted []string) {
	for _, id := range given {
		if rest, minus := strings.CutPrefix(id, "-"); minus {
			unwanted = append(unwanted, rest)
		} else {
			wanted = append(wanted, strings.TrimLeft(id, "+ "))
		}
	}
	return wanted, unwanted
}

func (f *userFilter) readOrganizations(w *World, q *listing) *apiError {
	given, problem := q.several("organization_id")
	wanted, unwanted := signed(given)
	memberOf := func(u *user, orgs []string) bool {
		return slices.ContainsFunc(w.membershipsOf(u), func(m *membership) bool { return slices.Contains(orgs, m.org.id) })
	}
	if len(unwanted) > 0 {
		f.add(func(u *user) bool { return !memberOf(u, unwanted) })
	}
	if len(wanted) > 0 {
		f.add(func(u *user) bool { return memberOf(u, wanted) })
	}
	return problem
}

// readIdentifiers reads those filters that name what somebody signs in with, exactly.
func (f *userFilter) readIdentifiers(_ *World, q *listing) *apiError {
	for name, has := range map[string]func(u *user, value string) bool{
		"email_address": func(u *user, v string) bool {
			return slices.ContainsFunc(u.emails, func(e *email) bool { return strings.EqualFold(e.address, v) })
		},
		"phone_number": func(u *user, v string) bool {
			return slices.ContainsFunc(u.phones, func(p *phone) bool { return p.number == v })
		},
		"web3_wallet": func(u *user, v string) bool {
			return slices.ContainsFunc(u.wallets, func(x *wallet) bool { return x.address == v })
		},
		"username":    func(u *user, v string) bool { return v != "" && u.username == v },
		"external_id": func(u *user, v string) bool { return v != "" && u.externalID == v },
	} {
		values, problem := q.several(name)
		if problem != nil {
			return problem
		}
		if len(values) > 0 {
			f.add(func(u *user) bool { return slices.ContainsFunc(values, func(v string) bool { return has(u, v) }) })
		}
	}
	return nil
}

// readQueries reads the partial matches, which do not care for case.
func (f *userFilter) readQueries(_ *World, q *listing) *apiError {
	for name, of := range map[string]func(*user) []string{
		"query":               (*user).searchable,
		"email_address_query": (*user).addresses,
		"phone_number_query":  (*user).numbers,
		"username_query":      func(u *user) []string { return []string{u.username} },
		"name_query":          func(u *user) []string { return []string{u.first, u.last, u.first + " " + u.last} },
	} {
		part := strings.ToLower(q.values.Get(name))
		if part != "" {
			f.add(func(u *user) bool {
				return slices.ContainsFunc(of(u), func(s string) bool { return strings.Contains(strings.ToLower(s), part) })
			})
		}
	}
	return nil
}

func (u *user) addresses() []string {
	list := make([]string, len(u.emails))
	for i, e := range u.emails {
		list[i] = e.address
	}
	return list
}

func (u *user) numbers() []string {
	list := make([]string, len(u.phones))
	for i, p := range u.phones {
		list[i] = p.number
	}
	return list
}

func (u *user) searchable() []string {
	list := append([]string{u.id, u.username, u.first, u.last}, u.addresses()...)
	list = append(list, u.numbers()...)
	for _, x := range u.wallets {
		list = append(list, x.address)
	}
	return list
}
