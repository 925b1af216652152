package clerksim

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrongTokensAreManyAndDifferent(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	seen := map[string]string{}
	for _, w := range WrongTokens() {
		token := w.Mint(c)
		if seen[w.Name] != "" || seen[token] != "" || w.Why == "" {
			t.Errorf("%s: named twice, or without a reason, or the same token as %q", w.Name, seen[token])
		}
		seen[w.Name], seen[token] = w.Name, w.Name
	}
	if len(seen) < 2*60 {
		t.Errorf("only %d", len(seen)/2)
	}
}

// Those that claim something wrong are rightly signed, as go-jose says, and those of another hand or form are not.
func TestWrongTokensAreWrongWhereTheySaySo(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	signed := map[string][]WrongToken{
		"yes": slices.Concat(wrongIssuers(), wrongKinds(), wrongTimes(), wrongSubjects(), wrongParties(), wrongOrganizations(), wrongMasks()),
		"no":  slices.Concat(wrongKeys(), wrongAlgorithms(), wrongForms(), wrongParts()),
	}
	for _, w := range signed["yes"] {
		if _, err := opened(c, w.Mint(c)); err != nil {
			t.Errorf("%s is not signed rightly: %v", w.Name, err)
		}
	}
	for _, w := range signed["no"] {
		// White space is taken away before go-jose reads.
		if _, err := opened(c, w.Mint(c)); err == nil && !slices.Contains([]string{"space-before", "newline-behind", "space-within"}, w.Name) {
			t.Errorf("%s is signed rightly", w.Name)
		}
	}
}

// A wrong claim stands among right ones.
func TestWrongClaimsAreWrongInOneWay(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	for _, w := range slices.Concat(wrongIssuers(), wrongSubjects(), wrongParties(), wrongOrganizations()) {
		version := 2
		if strings.HasPrefix(w.Name, "v1-") {
			version = 1
		}
		var differ []string
		good, got := claims(t, c, c.draft(version).sign()), claims(t, c, w.Mint(c))
		for name := range merged(good, got) {
			if !cmp.Equal(good[name], got[name]) && !slices.Contains([]string{"iat", "nbf", "exp", "jti", "fva"}, name) {
				differ = append(differ, name)
			}
		}
		if len(differ) != 1 && w.Name != "org-twice" { // which adds an id and a role
			t.Errorf("%s is wrong in %v", w.Name, differ)
		}
	}
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func TestOddGrantsReadAsTheGuideSays(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	for _, g := range OddGrants() {
		claims(t, c, g.Mint(c)) // rightly signed
	}
	for _, name := range []string{"example", "published", "few", "surplus", "high-bits", "wide", "both", "user-first"} {
		i := slices.IndexFunc(OddGrants(), func(g OddGrant) bool { return g.Name == name })
		g := OddGrants()[i]
		want := slices.Sorted(slices.Values(g.Permissions))
		if diff := cmp.Diff(want, decode(claims(t, c, g.Mint(c)))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
