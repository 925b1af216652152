package clerksim

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// heard is what the messages of directed changes said, type by type.
func heard(t *testing.T, c *Clerk) map[string]map[string]any {
	t.Helper()
	told := map[string]map[string]any{}
	for m, ok := c.NextDirected(); ok; m, ok = c.NextDirected() {
		var envelope struct{ Data map[string]any }
		if err := json.Unmarshal(m.Body, &envelope); err != nil {
			t.Fatal(err)
		}
		told[m.Type+" "+m.EntityID] = envelope.Data
	}
	return told
}

// member is somebody whom the world does not touch by itself, in an organization of their own.
func member(t *testing.T, c *Clerk) (org, user, session string) {
	t.Helper()
	boss := must(c.SignUp())(t)
	org = must(c.CreateOrganization(boss, "Directed", "directed"))(t)
	user = must(c.SignUp("member@directed.example"))(t)
	must(c.AddMember(org, user, "org:admin"))(t)
	claims, err := c.Claims(TokenSpec{User: user})
	if err != nil {
		t.Fatal(err)
	}
	session = claims["sid"].(string)
	heard(t, c)
	return org, user, session
}

func must(id string, err error) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
}

func TestADirectedChangeIsInTheTruthTheTokensAndTheMessages(t *testing.T) {
	t.Parallel()
	type place struct {
		*Clerk
		org, user, session string
	}
	row := func(c place, model, id string) Row { return c.Truth().Rows[model][id] }
	for name, test := range map[string]struct {
		do    func(place) error
		tells func(place) string // type and id; empty where the id is new
		holds func(place) bool
		token error // of a token for the member in the organization
	}{
		"remove": {
			func(c place) error { return c.RemoveMember(c.org, c.user) },
			func(place) string { return "organizationMembership.deleted orgmem_" },
			func(c place) bool { return row(c, "users", c.user) != nil }, ErrNotFound,
		},
		"role": {
			func(c place) error { return c.ChangeRole(c.org, c.user, "org:member") },
			func(place) string { return "organizationMembership.updated orgmem_" },
			func(c place) bool { return true }, nil,
		},
		"ban": {
			func(c place) error { return c.Ban(c.user) },
			func(c place) string { return "session.revoked " + c.session },
			func(c place) bool { return row(c, "users", c.user)["banned"] == true }, ErrRefused,
		},
		"unban": {
			func(c place) error { return errors.Join(c.Ban(c.user), c.Unban(c.user)) },
			func(c place) string { return "user.updated " + c.user },
			func(c place) bool { return row(c, "users", c.user)["banned"] == false }, nil,
		},
		"lock": {
			func(c place) error { return c.Lock(c.user) },
			func(c place) string { return "user.updated " + c.user },
			func(c place) bool { return row(c, "users", c.user)["locked"] == true }, nil, // the session there is goes on
		},
		"lock and revoke": {
			func(c place) error { return errors.Join(c.Lock(c.user), c.RevokeSession(c.session)) },
			func(c place) string { return "session.revoked " + c.session },
			func(c place) bool { return row(c, "sessions", c.session)["status"] == "revoked" }, ErrRefused,
		},
		"unlock": {
			func(c place) error { return errors.Join(c.Lock(c.user), c.Unlock(c.user)) },
			func(c place) string { return "user.updated " + c.user },
			func(c place) bool { return row(c, "users", c.user)["locked"] == false }, nil,
		},
		"sign out": {
			func(c place) error { return c.EndSession(c.session) },
			func(c place) string { return "session.ended " + c.session },
			func(c place) bool { return row(c, "sessions", c.session)["status"] == "ended" }, nil, // who signs in again
		},
		"deprovision": {
			func(c place) error { return c.Deprovision(c.user) },
			func(c place) string { return "user.updated " + c.user },
			func(c place) bool { return row(c, "users", c.user)["deprovisioned"] == true }, ErrRefused,
		},
		"delete user": {
			func(c place) error { return c.DeleteUser(c.user) },
			func(c place) string { return "user.deleted " + c.user },
			func(c place) bool { return row(c, "users", c.user) == nil && row(c, "sessions", c.session) == nil }, ErrNotFound,
		},
		"delete organization": {
			func(c place) error { return c.DeleteOrganization(c.org) },
			func(c place) string { return "organization.deleted " + c.org },
			func(c place) bool { return row(c, "organizations", c.org) == nil }, ErrNotFound,
		},
		"domain": {
			func(c place) error { _, err := c.AddDomain(c.org, "directed.example", "enterprise_sso"); return err },
			func(place) string { return "organizationDomain.created orgdmn_" },
			func(c place) bool { return true }, nil,
		},
		"enterprise sign-up": {
			func(c place) error { _, err := c.EnterpriseSignUp("new@" + c.Connections()[0].Domain); return err },
			func(place) string { return "session.created sess_" },
			func(c place) bool { return true }, nil,
		},
		"created by the backend": {
			func(c place) error { _, err := c.CreateUser("api@directed.example"); return err },
			func(place) string { return "user.created user_" },
			func(c place) bool { return true }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := place{Clerk: founded(t, ClerkConfig{World: Config{Users: 5, Organizations: 1, Changes: 50}})}
			c.org, c.user, c.session = member(t, c.Clerk)
			c.Next() // and some of the history is decided and not told
			if err := test.do(c); err != nil {
				t.Fatal(err)
			}
			if !test.holds(c) {
				t.Error("the truth does not have it")
			}
			if _, err := c.Claims(TokenSpec{User: c.user, Org: c.org}); !errors.Is(err, test.token) {
				t.Errorf("a token: %v, want %v", err, test.token)
			}
			told := heard(t, c.Clerk)
			found := false
			for what := range told {
				found = found || strings.HasPrefix(what, test.tells(c))
			}
			if !found {
				t.Errorf("no %s among %d messages", test.tells(c), len(told))
			}
		})
	}
}

func TestADefinedRoleIsInTokensAndStays(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{World: Config{Users: 10, Organizations: 2, Changes: 3000}})
	org, user, _ := member(t, c)
	if err := c.DefineRole("org:buyer", "org:orders:read", "org:orders:create"); err != nil {
		t.Fatal(err)
	}
	if err := c.DefineRole("org:buyer", "orders:read"); !errors.Is(err, ErrRefused) {
		t.Errorf("a permission of no form: %v", err)
	}
	must("", c.DefineRole("org:admin", "org:orders:read", "org:sys_profile:manage"))(t)
	for range 3000 {
		c.Next()
	}
	roles := map[string][]string{}
	for _, r := range c.Sketch(0).Roles {
		roles[r.Key] = r.Permissions
	}
	if want := []string{"org:orders:create", "org:orders:read"}; !slices.Equal(roles["org:buyer"], want) || !slices.Contains(roles["org:admin"], want[1]) {
		t.Errorf("%v", roles)
	}
	if err := c.ChangeRole(org, user, "org:buyer"); errors.Is(err, ErrNotFound) {
		t.Skip("chance has removed the member")
	}
	if got := decode(mint(t, c, TokenSpec{User: user, Org: org})); !slices.Equal(got, roles["org:buyer"]) {
		t.Errorf("token grants %v", got)
	}
}

func TestDirectedMessagesComeFirst(t *testing.T) {
	t.Parallel()
	c := founded(t, ClerkConfig{})
	for range 50 {
		c.Next()
	}
	var want []string
	for range 3 {
		want = append(want, "user.created "+must(c.SignUp())(t))
	}
	select {
	case <-c.Directed():
	default:
		t.Error("nobody is told of directed changes")
	}
	var got []string
	for range 6 { // each user and their session
		m, ok := c.Next()
		if !ok {
			t.Fatal("nothing to tell")
		}
		if m.Type == "user.created" {
			got = append(got, m.Type+" "+m.EntityID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("first are %v, want %v", got, want)
	}
}

// A reader of all messages in any order comes to the truth, whatever was directed in the middle of whatever.
func TestTruthIsWhatMessagesSayWithDirectedChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		c := NewClerk(ClerkConfig{World: Config{Seed: seed, Users: 30, Organizations: 6, Changes: 300, OddRate: 0.2}})
		r := rand.New(rand.NewPCG(seed, 2))
		var all []Message
		for m, ok := c.Next(); ok; m, ok = c.Next() {
			all = append(all, m)
			if r.IntN(10) == 0 {
				direct(t, c, r)
			}
		}
		shuffle(all, seed)
		reader := newReader()
		for _, m := range all {
			reader.read(t, m)
		}
		compare(t, c.Truth(), reader.rows())
	}
}

// direct makes some directed change. Chance may have taken what it is about.
func direct(t *testing.T, c *Clerk, r *rand.Rand) {
	t.Helper()
	s := c.Sketch(1000)
	if len(s.Users) < 4 || len(s.Organizations) < 2 {
		return
	}
	user, org := s.Users[r.IntN(len(s.Users))].ID, s.Organizations[r.IntN(len(s.Organizations))].ID
	var err error
	switch r.IntN(10) {
	case 0:
		err = c.DeleteUser(user)
	case 1:
		err = c.Ban(user)
	case 2:
		err = c.Unban(user)
	case 3:
		_, err = c.AddMember(org, user, "org:member")
	case 4:
		err = c.RemoveMember(org, user)
	case 5:
		err = c.ChangeRole(org, user, "org:admin")
	case 6:
		_, err = c.Token(TokenSpec{User: user})
	case 7:
		_, err = c.SignUp()
	case 8:
		err = c.DefineRole("org:defined", "org:orders:read")
	case 9:
		err = c.DeleteOrganization(org)
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
}
