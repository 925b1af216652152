package rls

import (
	"regexp"
	"slices"
	"strings"
)

// owns is whom the rows of a table belong to, as far as it can be known.
type owns struct {
	Ownership
	// declared says that somebody told us. Otherwise the columns are a guess, and only what holds for any sensible rule is expected: a row of one's own is
	// seen, one of another user in another organization is not.
	declared bool
}

func (o owns) String() string {
	switch {
	case o.Ownership == Ownership{}:
		return "rows belong to whom their parents belong to"
	case o.declared:
		return o.Ownership.String()
	default:
		return o.Ownership.String() + ", by the look of it"
	}
}

// owned finds out whom the rows belong to. What a policy's condition says comes last: it may be what is wrong.
func (c Config) owned(r *relation) owns {
	if slices.ContainsFunc(c.Tables, r.named) && (c.Owner != Ownership{}) {
		return owns{c.Owner, true}
	}
	for _, p := range r.policies {
		if o, ok := parseOwnership(p.comment); ok {
			return owns{o, true}
		}
	}
	compared := r.compared()
	if r.orgLike == "" && compared == (Ownership{}) {
		return owns{}
	}
	o := Ownership{OrgColumn: r.orgLike, UserColumn: r.userLike}
	if o.OrgColumn == "" {
		o.OrgColumn = compared.OrgColumn
	}
	if o.UserColumn == "" {
		o.UserColumn = compared.UserColumn
	}
	return owns{Ownership: o}
}

var comparison = regexp.MustCompile(`(\w+|"(?:[^"]|"")+")\)?(?:::[a-z ]+)? = \(?\s*(?:SELECT )?(?:NULLIF\()?current_setting\('clerk\.(org|user)_id'`)

// compared is the columns that the policies compare with the settings.
func (r *relation) compared() (o Ownership) {
	for _, p := range r.policies {
		for _, m := range comparison.FindAllStringSubmatch(p.using+" "+p.check, -1) {
			column := strings.Trim(m[1], `"`)
			if m[2] == "org" {
				o.OrgColumn = column
			} else {
				o.UserColumn = column
			}
		}
	}
	return o
}

// named tells whether a word of the command line means this table: its name, with or without its schema, or the name of a read model.
func (r *relation) named(word string) bool {
	return word == "all" || word == r.table || word == r.String() || r.model != nil && word == r.model.viewsIn+"."+r.table
}

// expectation is what an identity should see of a row.
type expectation int

const (
	either expectation = iota
	shown
	hidden
)

// expects holds an identity against the owner of a row.
func (o owns) expects(id identity, row person) expectation {
	org := id.org != "" && id.org == row.org
	user := id.user != "" && id.user == row.user
	switch {
	case o.declared && o.UserColumn == "":
		return seenIf(org)
	case o.declared && o.OrgColumn == "":
		return seenIf(user)
	case o.declared:
		return seenIf(org && user)
	case id.org == "" && id.user == "":
		return hidden
	case org && user:
		return shown
	case !org && !user:
		return hidden
	default:
		return either
	}
}

func seenIf(yes bool) expectation {
	if yes {
		return shown
	}
	return hidden
}
