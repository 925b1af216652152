package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// reader is what a Directory and the lookups in a transaction have in common.
//
//nolint:interfacebloat // it is all of it, so that no test forgets one
type reader interface {
	User(ctx context.Context, id string) (User, error)
	UserByExternalID(ctx context.Context, externalID string) (User, error)
	UsersByEmail(ctx context.Context, address string) ([]EmailHolder, error)
	UserAccounts(ctx context.Context, id string) (UserAccounts, error)
	Organization(ctx context.Context, id string) (Organization, error)
	OrganizationBySlug(ctx context.Context, slug string) (Organization, error)
	OrganizationByDomain(ctx context.Context, domain string) (Organization, error)
	Membership(ctx context.Context, org, user string) (Membership, error)
	Members(ctx context.Context, org string, page Page) ([]Membership, string, error)
	MembershipsOf(ctx context.Context, user string, page Page) ([]Membership, string, error)
	Role(ctx context.Context, roleKey string) (Role, error)
	Roles(ctx context.Context, page Page) ([]Role, string, error)
	HasPermission(ctx context.Context, org, user, permission string) (bool, error)
	EnterpriseConnectionForEmail(ctx context.Context, address string) (EnterpriseConnection, error)
}

var (
	_ reader = (*Directory)(nil)
	_ reader = (*Lookups)(nil)
)

// everyAnswer is what a reader says about two tenants, a line each.
func everyAnswer(ctx context.Context, r reader) string {
	var all []string
	add := func(what, answer string, err error) { all = append(all, what+": "+say(answer, err)) }
	for _, x := range []string{"a", "b"} {
		u, err := r.User(ctx, "user_"+x)
		add("user "+x, u.ID, err)
		u, err = r.UserByExternalID(ctx, "ext_"+x)
		add("external id "+x, u.ID, err)
		h, err := r.UsersByEmail(ctx, x+"@x.example")
		add("e-mail "+x, fmt.Sprint(len(h)), err)
		c, err := r.UserAccounts(ctx, "user_"+x)
		add("accounts "+x, fmt.Sprint(len(c.EmailAddresses) > 2), err)
		o, err := r.Organization(ctx, "org_"+x)
		add("organization "+x, o.ID, err)
		o, err = r.OrganizationBySlug(ctx, "slug-"+x)
		add("slug "+x, o.ID, err)
		o, err = r.OrganizationByDomain(ctx, x+".example")
		add("domain "+x, o.ID, err)
		m, err := r.Membership(ctx, "org_"+x, "user_"+x)
		add("membership "+x, m.ID, err)
		list, _, err := r.Members(ctx, "org_"+x, Page{})
		add("members "+x, fmt.Sprint(len(list)), err)
		list, _, err = r.MembershipsOf(ctx, "user_"+x, Page{})
		add("memberships "+x, fmt.Sprint(len(list)), err)
		has, err := r.HasPermission(ctx, "org_"+x, "user_"+x, "org:x:read")
		add("permission "+x, fmt.Sprint(has), err)
		e, err := r.EnterpriseConnectionForEmail(ctx, "somebody@"+x+".example")
		add("connection "+x, e.ID, err)
	}
	role, err := r.Role(ctx, "org:member")
	add("role", role.Key, err)
	roles, _, err := r.Roles(ctx, Page{})
	add("roles", fmt.Sprint(len(roles)), err)
	return strings.Join(all, "\n")
}

// twoTenants publishes two organizations, each with a member, a slug, a domain and a connection.
func (b *bed) twoTenants(t *testing.T) (end uint64) {
	t.Helper()
	b.publish(t, "role.created", "role_1", role("org:member", "org:x:read"))
	for _, x := range []string{"a", "b"} {
		b.publish(t, "user.created", "user_"+x, with(emails(x+"@x.example"), "external_id", "ext_"+x))
		b.publish(t, "organization.created", "org_"+x, testkit.Data{"name": x, "slug": "slug-" + x})
		b.publish(t, "organizationDomain.created", "orgdmn_"+x, verifiedDomain("org_"+x, x+".example"))
		b.publish(t, "organizationMembership.created", "orgmem_"+x, member("org_"+x, "user_"+x, "org:member"))
		end = b.publish(t, "enterpriseConnection.created", "ent_"+x, connection("org_"+x, true, x+".example"))
	}
	return end
}

func TestWithinATenantsTransactionOnlyItsOwnIsSeenAndNothingIsKept(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	d.untilHeard(t, b.twoTenants(t))
	all := everyAnswer(t.Context(), d.Directory)
	if strings.Contains(all, "none") || everyAnswer(t.Context(), d.Directory) != all {
		t.Fatalf("a reader sees\n%s", all)
	}
	kept, looked := count(t, d.Directory), d.lookups(t, "hit")+d.lookups(t, "miss")
	tenant := b.pool(t, "clerkstream_tenant")
	within := func(org, user string) (answers string) {
		err := pgx.BeginFunc(t.Context(), tenant, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `select set_config('clerk.org_id', $1, true), set_config('clerk.user_id', $2, true)`, org, user); err != nil {
				return err
			}
			answers = everyAnswer(t.Context(), d.Within(tx))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return answers
	}
	mine := within("org_a", "user_a")
	for line := range strings.Lines(mine) {
		what, answer, _ := strings.Cut(strings.TrimSpace(line), ": ")
		nothing := answer == "none" || answer == "0" || answer == "false"
		if others := strings.HasSuffix(what, " b"); others != nothing {
			t.Errorf("tenant a is told: %s", strings.TrimSpace(line))
		}
	}
	for line := range strings.Lines(within("", "")) {
		if _, answer, _ := strings.Cut(strings.TrimSpace(line), ": "); answer != "none" && answer != "0" && answer != "false" {
			t.Errorf("nobody is told: %s", strings.TrimSpace(line))
		}
	}
	if n := count(t, d.Directory); n != kept {
		t.Errorf("memory holds %d answers, %d before", n, kept)
	}
	if n := d.lookups(t, "hit") + d.lookups(t, "miss"); n != looked {
		t.Errorf("memory was asked %v times", n-looked)
	}
	if again := everyAnswer(t.Context(), d.Directory); again != all {
		t.Errorf("the reader now sees\n%s", again)
	}
}

// Without a connection there is nobody to ask, so whoever gets an answer did not ask.
func TestWhatNoRowCanHaveIsNotFoundWithoutAQuery(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.shut(t, nil)
	d.config.Pool.Close()
	for _, bad := range []string{"", "a\x00b", "\xff", strings.Repeat("x", longest+1)} {
		for name, r := range map[string]reader{"cached": d.Directory, "direct": d.direct} {
			for _, err := range []error{
				second(r.User(t.Context(), bad)), second(r.UserByExternalID(t.Context(), bad)), second(r.UserAccounts(t.Context(), bad)),
				second(r.Organization(t.Context(), bad)), second(r.OrganizationBySlug(t.Context(), bad)), second(r.OrganizationByDomain(t.Context(), bad)),
				second(r.Membership(t.Context(), bad, "user_a")), second(r.Membership(t.Context(), "org_a", bad)), second(r.Role(t.Context(), bad)),
				second(r.EnterpriseConnectionForEmail(t.Context(), "x@"+bad)),
			} {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: %q is answered with %v", name, bad, err)
				}
			}
			holders, err := r.UsersByEmail(t.Context(), bad)
			list, _, listErr := r.Members(t.Context(), bad, Page{})
			if len(holders)+len(list) > 0 || err != nil || listErr != nil {
				t.Errorf("%s: %q leads somewhere: %v, %v", name, bad, err, listErr)
			}
		}
	}
	if _, err := d.User(t.Context(), "user_a"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("without a connection a plausible id is answered with %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestListsComeInPagesWithoutGapOrRepetition(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	const n = 7
	for i := range n {
		b.publish(t, "organizationMembership.created", fmt.Sprintf("orgmem_1%d", i), member("org_a", fmt.Sprintf("user_%d", i), "org:member"))
		b.publish(t, "organizationMembership.created", fmt.Sprintf("orgmem_2%d", i), member(fmt.Sprintf("org_%d", i), "user_a", "org:member"))
		b.publish(t, "role.created", fmt.Sprintf("role_%d", i), role(fmt.Sprintf("org:r%d", i)))
	}
	// Who came back while the end of the old membership is on its way has two rows and is one member.
	b.until(t, b.publish(t, "organizationMembership.created", "orgmem_0", member("org_a", "user_3", "org:admin")))
	for name, list := range map[string]func(Page) ([]string, string, error){
		"members": func(p Page) (ids []string, next string, err error) {
			all, next, err := d.Members(t.Context(), "org_a", p)
			for _, m := range all {
				ids = append(ids, m.UserID+" "+m.Role)
			}
			return ids, next, err
		},
		"memberships": func(p Page) (ids []string, next string, err error) {
			all, next, err := d.MembershipsOf(t.Context(), "user_a", p)
			for _, m := range all {
				ids = append(ids, m.OrganizationID)
			}
			return ids, next, err
		},
		"roles": func(p Page) (ids []string, next string, err error) {
			all, next, err := d.Roles(t.Context(), p)
			for _, r := range all {
				ids = append(ids, r.Key)
			}
			return ids, next, err
		},
	} {
		whole, next, err := list(Page{})
		if err != nil || next != "" || len(whole) != n || !slices.IsSorted(whole) {
			t.Errorf("%s: the whole is %v, next %q: %v", name, whole, next, err)
		}
		for limit := 1; limit <= n+1; limit++ {
			var pieces []string
			for after, more := "", true; more; {
				piece, next, err := list(Page{After: after, Limit: limit})
				if err != nil || len(piece) > limit {
					t.Fatalf("%s: a page of %d holds %v: %v", name, limit, piece, err)
				}
				pieces, after, more = append(pieces, piece...), next, next != ""
			}
			if !slices.Equal(pieces, whole) {
				t.Errorf("%s: pages of %d hold %v, the whole %v", name, limit, pieces, whole)
			}
		}
	}
	if list, _, err := d.Members(t.Context(), "org_a", Page{}); err != nil || list[3].Role != "org:admin" {
		t.Errorf("the newer of two memberships does not count: %v, %v", list, err)
	}
	if got := (Page{Limit: 9999}).limit(); got != maxLimit {
		t.Errorf("a page holds up to %d", got)
	}
}

func TestARoleThatIsNotKnownPermitsNothingUnlessTheMembershipIsTrusted(t *testing.T) {
	t.Parallel()
	for trust, want := range map[bool]string{false: "false", true: "true"} {
		t.Run(fmt.Sprintf("trusted %t", trust), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			d := b.open(t, func(c *Config) { c.TrustMembershipPermissions = trust })
			d.untilHeard(t, b.publish(t, "organizationMembership.created", "orgmem_1",
				with(member("org_a", "user_a", "org:member"), "permissions", []string{"org:x:read", "org:x:write"})))
			ask := permissionWords("org_a", "user_a", "org:x:write")
			if got := ask(t.Context(), d.Directory); got != want {
				t.Errorf("without a row of the role it is %s", got)
			}
			if n := d.metric(t, "clerkstream_directory_unknown_roles_total", ""); n != 1 {
				t.Errorf("%v unknown roles were counted", n)
			}
			if got := permissionWords("org_a", "user_b", "org:x:write")(t.Context(), d.Directory); got != "false" {
				t.Errorf("for who is no member it is %s", got)
			}
			// What is known of the role is all that counts.
			d.untilHeard(t, b.publish(t, "role.created", "role_1", role("org:member", "org:x:read")))
			if got := ask(t.Context(), d.Directory); got != "false" {
				t.Errorf("with a row of the role it is %s", got)
			}
		})
	}
}

func TestTheNearestDomainNamesTheConnection(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	b.publish(t, "enterpriseConnection.created", "ent_top", connection("", true, "x.example"))
	b.publish(t, "enterpriseConnection.created", "ent_dev", connection("", true, "other.example", "DEV.x.example"))
	b.publish(t, "enterpriseConnection.created", "ent_alone", with(connection("", true, "alone.example"), "allow_subdomains", false))
	b.publish(t, "enterpriseConnection.created", "ent_odd", with(connection("", true), "domains", testkit.Data{"not": "a list"}))
	b.until(t, b.publish(t, "enterpriseConnection.created", "ent_off", connection("", false, "off.example")))
	for address, want := range map[string]string{
		"ada@x.example": "ent_top", "ADA@X.EXAMPLE": "ent_top", "ada@a.b.x.example": "ent_top", "ada@dev.x.example": "ent_dev", "ada@a.dev.x.example": "ent_dev",
		"ada@alone.example": "ent_alone", "ada@a.alone.example": "none", "ada@off.example": "none", "ada@xx.example": "none", "ada@example": "none",
		`"a@off.example"@x.example`: "ent_top", "x.example": "none", "@x.example": "none", "ada@": "none", "ada@%.example": "none",
	} {
		if got := connectionWords(address)(t.Context(), d.Directory); got != want {
			t.Errorf("%s signs in through %s, want %s", address, got, want)
		}
	}
}

func TestTheUnverifiedHolderOfAnAddressIsToldApart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	b.publish(t, "user.created", "user_a", emails("x@x.example"))
	b.until(t, b.publish(t, "user.created", "user_b", testkit.Data{"email_addresses": []any{testkit.Data{"id": "idn_0", "email_address": "x@x.example"}}}))
	holders, err := d.UsersByEmail(t.Context(), "X@x.example")
	if err != nil || len(holders) != 2 || holders[0].User.ID != "user_a" || !holders[0].Verified || holders[1].Verified {
		t.Errorf("the holders are %+v: %v", holders, err)
	}
}
