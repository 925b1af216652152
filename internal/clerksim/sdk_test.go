package clerksim

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	clerk "github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	clerkorganization "github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/organizationdomain"
	"github.com/clerk/clerk-sdk-go/v2/organizationinvitation"
	"github.com/clerk/clerk-sdk-go/v2/organizationmembership"
	"github.com/clerk/clerk-sdk-go/v2/organizationpermission"
	"github.com/clerk/clerk-sdk-go/v2/organizationrole"
	clerkuser "github.com/clerk/clerk-sdk-go/v2/user"
)

// official is how Clerk's own library is pointed at the simulator.
func (f face) official(key string) *clerk.ClientConfig {
	return &clerk.ClientConfig{BackendConfig: clerk.BackendConfig{URL: new(f.URL + "/v1"), Key: &key, HTTPClient: f.Client()}}
}

// everything walks a list of the official library page by page.
func everything[T any](t *testing.T, read func(context.Context, clerk.ListParams) ([]T, int64, error)) (all []T) {
	t.Helper()
	const size = 7
	for {
		list, total, err := read(t.Context(), clerk.ListParams{Limit: new(int64(size)), Offset: new(int64(len(all)))})
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, list...); len(list) < size {
			if int(total) != len(all) {
				t.Errorf("%d came of %d", len(all), total)
			}
			return all
		}
	}
}

// sameKeys is for a list that must be all that the truth holds, and nothing else.
func sameKeys[T any](t *testing.T, model string, want map[string]Row, got []T, id func(T) string) {
	t.Helper()
	var ids []string
	for _, x := range got {
		ids = append(ids, id(x))
	}
	slices.Sort(ids)
	if keys := slices.Sorted(maps.Keys(want)); len(keys) == 0 || !slices.Equal(ids, keys) {
		t.Errorf("%s: the official library read %d, the truth has %d", model, len(ids), len(keys))
	}
}

func TestTheOfficialLibraryListsTheWorld(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Seed: 11, Users: 40, Organizations: 8, Changes: 300, OddRate: 0.2})
	for range 300 {
		f.Next()
	}
	intervene(t, f.Clerk)
	truth, config := f.Truth(), f.official(f.SecretKey())

	users := clerkuser.NewClient(config)
	listed := everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.User, int64, error) {
		l, err := users.List(ctx, &clerkuser.ListParams{ListParams: p, OrderBy: new("+created_at")})
		if err != nil {
			return nil, 0, err
		}
		return l.Users, l.TotalCount, nil
	})
	sameKeys(t, "users", truth.Rows["users"], listed, func(u *clerk.User) string { return u.ID })
	for _, u := range listed {
		row := truth.Rows["users"][u.ID]
		if u.Banned != row["banned"] || text(deref(u.FirstName)) != row["first_name"] || !time.UnixMilli(u.UpdatedAt).Equal(row["updated_at"].(time.Time)) {
			t.Errorf("user %s is not as the truth has it", u.ID)
		}
		if one, err := users.Get(t.Context(), u.ID); err != nil || one.ID != u.ID || one.UpdatedAt != u.UpdatedAt {
			t.Errorf("user %s read alone: %v", u.ID, err)
		}
	}

	orgs := everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.Organization, int64, error) {
		l, err := clerkorganization.NewClient(config).List(ctx, &clerkorganization.ListParams{ListParams: p, OrderBy: new("-members_count")})
		return l.Organizations, l.TotalCount, err
	})
	sameKeys(t, "organizations", truth.Rows["organizations"], orgs, func(o *clerk.Organization) string { return o.ID })

	var memberships []*clerk.OrganizationMembership
	var domains []*clerk.OrganizationDomain
	for _, o := range orgs {
		memberships = append(memberships, everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.OrganizationMembership, int64, error) {
			l, err := organizationmembership.NewClient(config).List(ctx, &organizationmembership.ListParams{ListParams: p, OrganizationID: o.ID})
			return l.OrganizationMemberships, l.TotalCount, err
		})...)
		domains = append(domains, everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.OrganizationDomain, int64, error) {
			l, err := organizationdomain.NewClient(config).List(ctx, o.ID, &organizationdomain.ListParams{ListParams: p})
			return l.OrganizationDomains, l.TotalCount, err
		})...)
	}
	sameKeys(t, "organization_memberships", truth.Rows["organization_memberships"], memberships, func(m *clerk.OrganizationMembership) string { return m.ID })
	sameKeys(t, "organization_domains", truth.Rows["organization_domains"], domains, func(d *clerk.OrganizationDomain) string { return d.ID })
	for _, m := range memberships {
		if row := truth.Rows["organization_memberships"][m.ID]; m.Role != row["role"] || m.PublicUserData.UserID != row["user_id"] {
			t.Errorf("membership %s is not as the truth has it", m.ID)
		}
	}
	listTheInstance(t, config, truth)
}

func listTheInstance(t *testing.T, config *clerk.ClientConfig, truth Truth) {
	t.Helper()
	invitations := everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.OrganizationInvitation, int64, error) {
		l, err := organizationinvitation.NewClient(config).ListFromInstance(ctx, &organizationinvitation.ListFromInstanceParams{ListParams: p})
		return l.OrganizationInvitations, l.TotalCount, err
	})
	sameKeys(t, "organization_invitations", truth.Rows["organization_invitations"], invitations, func(i *clerk.OrganizationInvitation) string { return i.ID })
	roles := everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.OrganizationRole, int64, error) {
		l, err := organizationrole.NewClient(config).List(ctx, &organizationrole.ListParams{ListParams: p})
		return l.OrganizationRoles, l.TotalCount, err
	})
	sameKeys(t, "roles", truth.Rows["roles"], roles, func(r *clerk.OrganizationRole) string { return r.ID })
	permissions := everything(t, func(ctx context.Context, p clerk.ListParams) ([]*clerk.OrganizationPermission, int64, error) {
		l, err := organizationpermission.NewClient(config).List(ctx, &organizationpermission.ListParams{ListParams: p})
		return l.OrganizationPermissions, l.TotalCount, err
	})
	want := maps.Clone(truth.Rows["permissions"])
	maps.Copy(want, truth.Polled["permissions"])
	sameKeys(t, "permissions", want, permissions, func(p *clerk.OrganizationPermission) string { return p.ID })
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestTheOfficialLibraryReadsOurErrors(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 5, Organizations: 1, Changes: -1})
	for name, c := range map[string]struct {
		key, id string
		status  int
		code    string
	}{
		"not there": {f.SecretKey(), "user_gone", http.StatusNotFound, "resource_not_found"},
		"wrong key": {"sk_test_wrong", "user_gone", http.StatusUnauthorized, "clerk_key_invalid"},
	} {
		_, err := clerkuser.NewClient(f.official(c.key)).Get(t.Context(), c.id)
		var answer *clerk.APIErrorResponse
		if !errors.As(err, &answer) || answer.HTTPStatusCode != c.status || len(answer.Errors) != 1 || answer.Errors[0].Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The official library fetches the keys from the simulator, accepts every good token and reads what it says; of the wrong ones it accepts none whose fault
// is one that it looks for.
func TestTheOfficialLibraryVerifiesOurTokens(t *testing.T) {
	t.Parallel()
	f := newReading(t, Config{Users: 10, Organizations: 3, Changes: -1})
	org, member, _ := memberOf(t, f.Clerk)
	keys := jwks.NewClient(f.official(f.SecretKey()))
	verify := func(token string) (*clerk.SessionClaims, error) {
		return jwt.Verify(t.Context(), &jwt.VerifyParams{Token: token, JWKSClient: keys, AuthorizedPartyHandler: func(azp string) bool {
			return azp == "" || azp == f.AuthorizedParty()
		}})
	}
	for _, version := range []int{1, 2} {
		for _, client := range []Client{ClientWeb, ClientIOS} {
			token, err := f.Token(TokenSpec{User: member, Org: org, Version: version, Client: client})
			if err != nil {
				t.Fatal(err)
			}
			got, err := verify(token)
			if err != nil || got.Subject != member || got.ActiveOrganizationID != org || !strings.HasSuffix(got.ActiveOrganizationRole, "admin") {
				t.Errorf("v%d of %s: %v: %+v", version, client, err, got)
			}
		}
	}
	good, err := f.Token(TokenSpec{User: member})
	if err != nil {
		t.Fatal(err)
	}
	f.RotateKey()
	if _, err := verify(good); err == nil {
		t.Error("a token of the old key verifies after the keys were replaced")
	}
	for _, name := range []string{"alg-none", "expired"} {
		token, err := f.wrongToken(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(token); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
}
