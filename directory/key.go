package directory

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// what is a way to look something up.
type what uint8

const (
	userByID what = iota
	userByExternalID
	usersByEmail
	organizationByID
	organizationBySlug
	organizationByDomain
	membershipOf // organization, user
	roleByKey
	connectionFor // an e-mail's domain
	domainByID    // is never looked up, but what is found by a domain hangs on it
	whats
)

// names are the labels of the metrics and the words of errors.
var names = [whats]string{
	"user", "user_by_external_id", "users_by_email", "organization", "organization_by_slug", "organization_by_domain", "membership", "role",
	"enterprise_connection", "organization_domain",
}

// everything is all that can be forgotten, byValue what is found by a value that a notice does not name: a notice has ids only.
var (
	everything = []what{
		userByID, userByExternalID, usersByEmail, organizationByID, organizationBySlug, organizationByDomain, membershipOf, roleByKey, connectionFor, domainByID,
	}
	byValue = []what{userByExternalID, usersByEmail, organizationBySlug, organizationByDomain}
)

func (w what) isByValue() bool { return slices.Contains(byValue, w) }

// key is one lookup: b is a membership's user.
type key struct {
	what what
	a, b string
}

// entity is the entity that the lookup is for, where its key alone says which.
func (k key) entity() (kind Kind, id string) {
	switch k.what {
	case userByID:
		return KindUsers, k.a
	case organizationByID:
		return KindOrganizations, k.a
	case membershipOf:
		return KindOrganizationMemberships, k.a + "/" + k.b
	}
	return "", ""
}

// flight names the lookup among those under way. Ids and values hold no NUL: see plausible.
func (k key) flight() string { return string(rune('a'+k.what)) + k.a + "\x00" + k.b }

// longest is what the read model keeps of an indexed value, in bytes.
const longest = 512

func (k key) plausible() bool { return plausible(k.a) && (k.what != membershipOf || plausible(k.b)) }

// plausible is false for what no row can have, and neither Postgres nor the memory should be bothered with.
func plausible(s string) bool {
	return s != "" && len(s) <= longest && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}
