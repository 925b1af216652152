package rls

import (
	"slices"
	"strings"
)

// world is two organizations whose members overlap, with everything that has gone: a deleted user, a deleted organization, a member who left. Ada, Ben, Dora and
// Eve joined acme, Ben and Finn beta, Ada and Gus gone. Dora and gone are deleted, Eve has left. Cleo is in none of them. It is planted under new ids each
// time, so that it cannot meet rows of anybody real.
type world struct {
	suffix string
	ids    map[string]string
}

func newWorld() *world {
	w := &world{suffix: strings.ToLower(randomText(8)), ids: map[string]string{}}
	for _, org := range []string{"acme", "beta", "gone"} {
		w.ids[org] = clerkID("org")
	}
	for _, user := range []string{"ada", "ben", "cleo", "dora", "eve", "finn", "gus"} {
		w.ids[user] = clerkID("user")
	}
	return w
}

// id is the id behind a word of the tables below.
func (w *world) id(word string) string {
	if id, ok := w.ids[word]; ok || word == "" {
		return id
	}
	if at := strings.Index(word, "@"); at >= 0 {
		return word[:at] + "." + w.suffix + word[at:]
	}
	return "rls_" + w.suffix + "_" + word
}

// identities are those that ask for the rows of read models, by the words of the tables below.
func (w *world) identities() []identity {
	id := func(name, org, user string) identity {
		return identity{person: person{name, w.id(org), w.id(user)}}
	}
	return []identity{
		id("ada", "acme", "ada"), id("ben", "acme", "ben"), id("finn", "beta", "finn"), id("cleo", "", "cleo"), id("gus", "gone", "gus"), id("job", "acme", ""), id("none", "", ""),
	}
}

// explained says who an identity is, for a reader of the report.
var explained = map[string]string{
	"ada":  "Ada in acme",
	"ben":  "Ben in acme",
	"finn": "Finn in beta",
	"cleo": "Cleo without organization",
	"gus":  "Gus in a deleted organization",
	"job":  "acme without a user",
	"none": "no identity",
}

// planting is one row of a read model: its columns, and who should see it beside the reader, who sees what has not gone.
type planting struct {
	model string
	// label stands for the row; it is its id, unless key says otherwise.
	label string
	// columns are column and word by turns; a word behind "=" stands for itself.
	columns []string
	seenBy  string
	// gone is in no view.
	gone bool
}

// everyone is every identity there is.
const everyone = "ada ben finn cleo gus job"

// acmes is who has acme as active organization.
const acmes = "ada ben job"

// plantings are the world's rows. They say again, by example, what docs/row-level-security.md says of each read model: an oracle that shares nothing with the
// policies themselves.
func plantings() []planting {
	return slices.Concat(people(), memberships(), organizationsOwn(), everybodys(), payments())
}

func people() []planting {
	all := []planting{
		{"users", "ada", nil, acmes, false}, {"users", "ben", nil, acmes + " finn", false}, {"users", "cleo", nil, "cleo", false}, {"users", "eve", nil, "", false},
		{"users", "finn", nil, "finn", false}, {"users", "gus", nil, "gus", false}, {"users", "dora", []string{"deleted", "=true"}, "", true},
		{"sessions", "s-ada", []string{"user_id", "ada"}, "ada", false}, {"sessions", "s-ben", []string{"user_id", "ben"}, "ben", false},
		{"sessions", "s-finn", []string{"user_id", "finn"}, "finn", false}, {"sessions", "s-cleo", []string{"user_id", "cleo"}, "cleo", false},
		{"sessions", "s-gus", []string{"user_id", "gus"}, "gus", false}, {"sessions", "s-dora", []string{"user_id", "dora"}, "", true},
		{"waitlist_entries", "w-1", []string{"email_address", "cleo@x.example"}, "", false},
	}
	identifier := func(user, kind, value, verified, seenBy string) {
		all = append(all, planting{"user_identifiers", value, []string{"user_id", user, "kind", "=" + kind, "value", value, "verified", "=" + verified}, seenBy, false})
	}
	identifier("ada", "email", "ada@x.example", "true", acmes)
	identifier("ben", "email", "ben@x.example", "true", acmes+" finn")
	identifier("eve", "email", "eve@x.example", "true", "")
	identifier("finn", "email", "finn@x.example", "true", "finn")
	identifier("gus", "email", "gus@x.example", "true", "gus")
	identifier("cleo", "email", "cleo@x.example", "true", "cleo")
	// An address that she never proved to be hers, and an external id that is somebody else's address.
	identifier("cleo", "email", "claimed@x.example", "false", "cleo")
	identifier("cleo", "external_id", "stranger@x.example", "true", "cleo")
	return all
}

func memberships() []planting {
	var all []planting
	join := func(user, org, seenBy string, gone bool) {
		all = append(all, planting{"organization_memberships", user + "-" + org, []string{"organization_id", org, "user_id", user}, seenBy, gone})
	}
	join("ada", "acme", acmes, false)
	join("ben", "acme", acmes, false)
	join("dora", "acme", "", true)
	join("ben", "beta", "ben finn", false)
	join("finn", "beta", "finn", false)
	join("ada", "gone", "", true)
	join("gus", "gone", "", true)
	// A tombstone keeps its id alone.
	return append(all, planting{"organization_memberships", "eve-acme", []string{"deleted", "=true"}, "", true})
}

func organizationsOwn() []planting {
	all := []planting{
		{"organizations", "acme", nil, acmes, false}, {"organizations", "beta", nil, "ben finn", false}, {"organizations", "gone", []string{"deleted", "=true"}, "", true},
		{"organization_domains", "d-old", []string{"deleted", "=true"}, "", true}, {"enterprise_connections", "c-old", []string{"deleted", "=true"}, "", true},
	}
	for org, seenBy := range map[string]string{"acme": acmes, "beta": "finn", "gone": "gus"} {
		domain := planting{"organization_domains", "d-" + org, []string{"organization_id", org}, seenBy, false}
		if org == "gone" {
			domain.seenBy, domain.gone = "", true
		}
		// Connections are an account's history and outlive it.
		all = append(all, domain, planting{"enterprise_connections", "c-" + org, []string{"organization_id", org}, seenBy, false})
	}
	invite := func(label, org, address, seenBy string, more ...string) {
		all = append(all, planting{"organization_invitations", label, append([]string{"organization_id", org, "email_address", address}, more...), seenBy, org == "gone"})
	}
	invite("acme-new", "acme", "new@x.example", acmes)
	invite("beta-ada", "beta", "ada@x.example", "ada finn")
	invite("beta-claimed", "beta", "claimed@x.example", "finn")
	invite("beta-cleo", "beta", "CLEO@x.example", "cleo finn")
	invite("beta-cleo-id", "beta", "old@x.example", "cleo finn", "user_id", "cleo")
	invite("beta-stranger", "beta", "stranger@x.example", "finn")
	invite("gone-cleo", "gone", "cleo@x.example", "")
	return all
}

// everybodys is what belongs to the instance.
func everybodys() []planting {
	all := []planting{
		{"roles", "admin", nil, everyone, false}, {"roles", "pilot", []string{"deleted", "=true"}, "", true},
		{"permissions", "read", nil, everyone, false}, {"permissions", "write", nil, everyone, false}, {"permissions", "fly", []string{"deleted", "=true"}, "", true},
	}
	for permission, seenBy := range map[string]string{"read": everyone, "write": everyone, "fly": ""} {
		all = append(all, planting{"role_permissions", permission, []string{"role_id", "admin", "permission_id", permission}, seenBy, seenBy == ""})
	}
	return all
}

func payments() []planting {
	var all []planting
	for _, model := range []string{"subscriptions", "subscription_items", "payment_attempts"} {
		for payer, seenBy := range map[string]string{"acme": acmes, "beta": "finn", "gone": "gus"} {
			all = append(all, planting{model, model + "-" + payer, []string{"organization_id", payer}, seenBy, false})
		}
		for _, payer := range []string{"ada", "cleo"} {
			all = append(all, planting{model, model + "-" + payer, []string{"user_id", payer}, payer, false})
		}
	}
	return all
}

// known tells whether a table is one of the world's.
func known(model string) bool {
	return slices.ContainsFunc(plantings(), func(p planting) bool { return p.model == model })
}
