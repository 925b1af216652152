package projections_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// identity is who asks, in the columns of the matrix.
type identity struct {
	name, role string
	// org and user are what is set; "-" sets nothing.
	org, user string
	is        string
}

var identities = []identity{
	{"reader", projections.RoleReader, "-", "-", "`clerkstream_reader`: everything that has not gone"},
	{"ada", projections.RoleTenant, "acme", "ada", "a member of acme, which is active; she was in gone too"},
	{"ben", projections.RoleTenant, "acme", "ben", "a member of acme, which is active, and of beta"},
	{"cleo", projections.RoleTenant, "", "cleo", "a user without organization"},
	{"gus", projections.RoleTenant, "gone", "gus", "a member of gone, still active in his session although it is deleted"},
	{"job", projections.RoleTenant, "acme", "", "work done for acme by nobody in particular: only the organization is set"},
	{"none", projections.RoleTenant, "", "", "neither is set"},
}

// sight is one read model's line of the matrix: who may see a row, and which of the fixture's rows each identity sees.
type sight struct {
	view, rule string
	// key is what stands for a row below.
	key  string
	rows map[string]string
}

var matrix = []sight{
	{"users", "the user; members of the active organization about each other", "id", map[string]string{
		"reader": "ada ben cleo eve finn gus", "ada": "ada ben", "ben": "ada ben", "cleo": "cleo", "gus": "gus", "job": "ada ben"}},
	{"user_identifiers", "as users", "value", map[string]string{
		"reader": "ada@x.example ben@x.example claimed@x.example cleo@x.example eve@x.example finn@x.example gus@x.example stranger@x.example",
		"ada":    "ada@x.example ben@x.example", "ben": "ada@x.example ben@x.example",
		"cleo": "claimed@x.example cleo@x.example stranger@x.example", "gus": "gus@x.example", "job": "ada@x.example ben@x.example"}},
	{"organizations", "the active organization; those that the user is a member of", "id", map[string]string{
		"reader": "acme beta", "ada": "acme", "ben": "acme beta", "job": "acme"}},
	{"organization_memberships", "those of the active organization; the user's own", "id", map[string]string{
		"reader": "ada-acme ben-acme ben-beta finn-beta", "ada": "ada-acme ben-acme", "ben": "ada-acme ben-acme ben-beta", "job": "ada-acme ben-acme"}},
	{"organization_invitations", "those of the active organization; those to the user, by id or by an e-mail address that is verified to be his", "id", map[string]string{
		"reader": "acme-new beta-ada beta-claimed beta-cleo beta-cleo-id beta-stranger", "ada": "acme-new beta-ada", "ben": "acme-new",
		"cleo": "beta-cleo beta-cleo-id", "job": "acme-new"}},
	{"organization_domains", "those of the active organization", "id", map[string]string{
		"reader": "d-acme d-beta", "ada": "d-acme", "ben": "d-acme", "job": "d-acme"}},
	{"roles", "every identity", "id", map[string]string{
		"reader": "admin", "ada": "admin", "ben": "admin", "cleo": "admin", "gus": "admin", "job": "admin"}},
	{"role_permissions", "every identity", "role_id || '/' || permission_id", map[string]string{
		"reader": "admin/read admin/write", "ada": "admin/read admin/write", "ben": "admin/read admin/write",
		"cleo": "admin/read admin/write", "gus": "admin/read admin/write", "job": "admin/read admin/write"}},
	{"permissions", "every identity", "id", map[string]string{
		"reader": "read write", "ada": "read write", "ben": "read write", "cleo": "read write", "gus": "read write", "job": "read write"}},
	{"sessions", "the user", "id", map[string]string{
		"reader": "s-ada s-ben s-cleo s-eve s-finn s-gus", "ada": "s-ada", "ben": "s-ben", "cleo": "s-cleo", "gus": "s-gus"}},
	{"waitlist_entries", "no identity", "id", map[string]string{"reader": "w-1"}},
	{"subscriptions", "who pays: the active organization or the user", "id", map[string]string{
		"reader": "sub-acme sub-ada sub-beta sub-cleo sub-gone", "ada": "sub-acme sub-ada", "ben": "sub-acme", "cleo": "sub-cleo", "gus": "sub-gone", "job": "sub-acme"}},
	{"subscription_items", "who pays", "id", map[string]string{
		"reader": "item-acme item-ada item-beta item-cleo item-gone", "ada": "item-acme item-ada", "ben": "item-acme", "cleo": "item-cleo", "gus": "item-gone", "job": "item-acme"}},
	{"payment_attempts", "who pays", "id", map[string]string{
		"reader": "pay-acme pay-ada pay-beta pay-cleo pay-gone", "ada": "pay-acme pay-ada", "ben": "pay-acme", "cleo": "pay-cleo", "gus": "pay-gone", "job": "pay-acme"}},
	{"enterprise_connections", "those of the active organization", "id", map[string]string{
		"reader": "c-acme c-beta c-gone", "ada": "c-acme", "ben": "c-acme", "gus": "c-gone", "job": "c-acme"}},
}

// seen is one query for all views at once: it asks for the name of each view and the keys of the rows that it shows.
func seen() string {
	parts := make([]string, len(matrix))
	for i, s := range matrix {
		parts[i] = fmt.Sprintf(`select %d, coalesce(string_agg(key, ' ' order by key collate "C"), '') from (select %s as key from clerk.%s) k`, i, s.key, s.view)
	}
	return strings.Join(parts, "\nunion all\n")
}

// differences compares what an identity sees with the matrix. The caller's transaction decides how long its role and settings hold.
func (i identity) differences(ctx context.Context, tx pgx.Tx) (found []string, err error) {
	if _, err := tx.Exec(ctx, `set local role `+i.role); err != nil {
		return nil, fmt.Errorf("become %s: %w", i.role, err)
	}
	for name, value := range map[string]string{"clerk.org_id": i.org, "clerk.user_id": i.user} {
		if value == "-" {
			continue
		}
		if _, err := tx.Exec(ctx, `select set_config($1, $2, true)`, name, value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	rows, err := tx.Query(ctx, seen())
	if err != nil {
		return nil, fmt.Errorf("read as %s: %w", i.name, err)
	}
	var (
		line int
		have string
	)
	_, err = pgx.ForEachRow(rows, []any{&line, &have}, func() error {
		if want := matrix[line].rows[i.name]; have != want {
			found = append(found, fmt.Sprintf("%s sees of %s: %q, want %q", i.name, matrix[line].view, have, want))
		}
		return nil
	})
	return found, err
}

func TestEachIdentitySeesItsRowsAndNoOthers(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	for _, i := range identities {
		d.expect(t, i)
	}
}

// A connection on which nobody set anything yet reads NULL, one on which an earlier transaction did reads the empty string.
func TestWithoutAnIdentityThereIsNothingToSee(t *testing.T) {
	t.Parallel()
	d := newTenancy(t)
	unset := identity{name: "none", role: projections.RoleTenant, org: "-", user: "-"}
	for _, want := range []string{"<nil>", ""} {
		var setting *string
		if err := d.conn.QueryRow(t.Context(), `select current_setting('clerk.org_id', true)`).Scan(&setting); err != nil {
			t.Fatal(err)
		}
		if have := shown(setting); have != want {
			t.Fatalf("the setting reads %q and should read %q: this case tests nothing", have, want)
		}
		d.expect(t, unset)
		d.expect(t, identities[slices.IndexFunc(identities, func(i identity) bool { return i.name == "ben" })])
	}
}

func shown(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func (d *tenancy) expect(t *testing.T, i identity) {
	t.Helper()
	tx, err := d.conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	found, err := i.differences(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range found {
		t.Error(difference)
	}
}

func TestTheMatrixHasALineForEachView(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, p := range projections.All() {
		for _, v := range p.Definition().Views {
			want = append(want, v.Name)
		}
	}
	for _, s := range matrix {
		have = append(have, s.view)
		for name := range s.rows {
			if !slices.ContainsFunc(identities, func(i identity) bool { return i.name == name }) {
				t.Errorf("%s has a column %q, which is no identity", s.view, name)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("the matrix has %v, the views are %v", have, want)
	}
}
