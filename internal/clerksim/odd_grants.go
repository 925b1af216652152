package clerksim

import (
	"math/big"
	"strings"
)

// OddGrant is a token that a verifier must accept, and whose permissions it must read as Permissions, neither more nor less: what does not say clearly that
// it grants something grants nothing.
type OddGrant struct {
	Name, Why   string
	Permissions []string
	Mint        func(*Clerk) string
}

// OddGrants are the corners of version 2's permission matrix, with some of version 1.
func OddGrants() []OddGrant {
	return append(oddMatrices(), oddClaims()...)
}

const (
	exampleFeatures = "o:invoices,o:projects,u:beta"
	exampleActions  = "read,create,update,delete,revoke"
	exampleMasks    = "7,21,0"
)

func exampleGrants() []string {
	return []string{"org:invoices:read", "org:invoices:create", "org:invoices:update", "org:projects:read", "org:projects:update", "org:projects:revoke"}
}

func invoices() []string { return exampleGrants()[:3] }

// matrix is a case that is told by the three lists.
func matrix(name, why, features, actions, masks string, want ...string) OddGrant {
	return edited(name, why, func(d *draft) {
		d.set("fea", features)
		d.org()["per"], d.org()["fpm"] = actions, masks
	}, want...)
}

func edited(name, why string, edit func(*draft), want ...string) OddGrant {
	return OddGrant{Name: name, Why: why, Permissions: want, Mint: func(c *Clerk) string {
		d := c.draft(2)
		d.set("fea", exampleFeatures)
		d.org()["per"], d.org()["fpm"] = exampleActions, exampleMasks
		edit(d)
		return d.sign()
	}}
}

func oddMatrices() []OddGrant {
	masks := func(name, why, masks string, want ...string) OddGrant {
		return matrix(name, why, exampleFeatures, exampleActions, masks, want...)
	}
	many := make([]string, 70)
	for i := range many {
		many[i] = "act" + big.NewInt(int64(i)).String()
	}
	bit69 := new(big.Int).Lsh(big.NewInt(1), 69)
	return []OddGrant{
		masks("example", "as it should be", exampleMasks, exampleGrants()...),
		matrix("published", "the example of Clerk's guide", "o:dashboard,o:teams", "manage,read", "3,2", "org:dashboard:manage", "org:dashboard:read", "org:teams:read"),
		masks("spaces", "spaces around the masks", " 7 , 21 , 0 ", exampleGrants()...),
		masks("few", "fewer masks than features: the rest is 0", "7", invoices()...),
		masks("surplus", "more masks than features: nobody's", "7,21,0,31", exampleGrants()...),
		masks("high-bits", "bits beyond the last action", "39,21,0", exampleGrants()...),
		matrix("wide", "more actions than a machine word has bits", "o:invoices", strings.Join(many, ","), bit69.String(), "org:invoices:act69"),
		matrix("both", "features of both scopes", "ou:invoices,uo:projects", exampleActions, "7,21", exampleGrants()...),
		masks("user-bit", "a mask at a position that is only the user's", "7,21,1"),
		matrix("user-first", "a user's feature in front, with a mask of 0", "u:beta,o:invoices", exampleActions, "0,7", invoices()...),
		matrix("scope-missing", "a feature without a scope", "invoices,o:projects", exampleActions, "7,21"),
		matrix("system", "a system permission, which no token grants", "o:sys_memberships,o:invoices", "manage,read", "3,2", "org:invoices:read"),
		matrix("unnamed-action", "an action without a name", "o:invoices", "read,,update", "7", "org:invoices:read", "org:invoices:update"),
		matrix("unnamed-feature", "a feature without a name", "o:,o:invoices", exampleActions, "7,7", invoices()...),
	}
}

func oddClaims() []OddGrant {
	lacks := func(name, claim string) OddGrant {
		return edited(name, "no "+claim, func(d *draft) { delete(d.claims, claim); delete(d.org(), claim) })
	}
	empty := func(name, claim string) OddGrant {
		return edited(name, "an empty "+claim, func(d *draft) {
			if claim == "fea" {
				d.set(claim, "")
			} else {
				d.org()[claim] = ""
			}
		})
	}
	return []OddGrant{
		lacks("features-missing", "fea"), lacks("actions-missing", "per"), lacks("masks-missing", "fpm"),
		empty("features-empty", "fea"), empty("actions-empty", "per"), empty("masks-empty", "fpm"),
		edited("no-organization", "no active organization", func(d *draft) { delete(d.claims, "o") }),
		edited("claimed-outright", "a claim of that name that is the instance's own", func(d *draft) {
			delete(d.claims, "o")
			d.set("permissions", []string{"org:invoices:read"})
		}),
		{
			Name: "v1-system", Why: "version 1, with a system permission among the others", Permissions: []string{"org:invoices:read"},
			Mint: func(c *Clerk) string {
				d := c.draft(1)
				d.set("org_permissions", []string{"org:sys_memberships:manage", "org:invoices:read"})
				return d.sign()
			},
		},
	}
}
