package architectures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// company is an organization with an admin and a member, known to the read model.
type company struct {
	id            string
	admin, member string // user ids
}

// company founds one, with people of its own.
func (b *bed) company(t *testing.T, name string) company {
	t.Helper()
	clerk := b.Clerk()
	c := company{admin: b.user(t), member: b.user(t)}
	var err error
	if c.id, err = clerk.CreateOrganization(c.admin, name, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := clerk.AddMember(c.id, c.member, "org:member"); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 2, `select count(*) from clerk.organization_memberships m join clerk.users u on u.id = m.user_id where m.organization_id = $1`, c.id)
	b.eventually(t, 1, `select count(*) from clerk.organizations where id = $1`, c.id)
	return c
}

func (b *bed) user(t *testing.T) string {
	t.Helper()
	id, err := b.Clerk().SignUp()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// eventually waits until a query that counts gives so many.
func (b *bed) eventually(t *testing.T, want int, sql string, args ...any) {
	t.Helper()
	conn := b.superuser(t)
	testkit.Eventually(t, func() error {
		var got int
		if err := conn.QueryRow(t.Context(), sql, args...).Scan(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%d, not %d: %s %v", got, want, sql, args)
		}
		return nil
	})
	_ = conn.Close(t.Context())
}

// caller is somebody with a token, who calls the gateway if not something else.
type caller struct {
	url    string
	header http.Header
}

// as is a user who acts in an organization, on the web.
func (b *bed) as(t *testing.T, user, org string) caller {
	t.Helper()
	return b.with(b.token(t, clerksim.TokenSpec{User: user, Org: org}))
}

func (b *bed) with(token string) caller {
	return caller{b.gateway.url, http.Header{"Authorization": {"Bearer " + token}}}
}

func (b *bed) token(t *testing.T, spec clerksim.TokenSpec) string {
	t.Helper()
	token, err := b.Clerk().Token(spec)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// at is the same caller somewhere else.
func (c caller) at(url string) caller {
	c.url = url
	return c
}

// saying is the same caller with more headers, as name and value.
func (c caller) saying(pairs ...string) caller {
	c.header = c.header.Clone()
	for i := 0; i < len(pairs); i += 2 {
		c.header.Set(pairs[i], pairs[i+1])
	}
	return c
}

// answer is what came back.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// code is the reason of a refusal.
func (a answer) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(a.Body), &problem)
	return problem.Code
}

func (c caller) do(t *testing.T, method, path, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = c.header.Clone()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Header.Del("Date")
	return answer{response.StatusCode, response.Header, string(bytes.TrimSpace(content))}
}

// get reads into what a 200 says.
func (c caller) get(t *testing.T, path string, into any) {
	t.Helper()
	c.expect(t, http.MethodGet, path, "", http.StatusOK, into)
}

func (c caller) expect(t *testing.T, method, path, body string, status int, into any) {
	t.Helper()
	got := c.do(t, method, path, body)
	if got.Status != status {
		t.Fatalf("%s %s is answered %d %s", method, path, got.Status, got.Body)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(got.Body), into); err != nil {
		t.Fatal(err)
	}
}

// refused expects a refusal for one reason.
func (c caller) refused(t *testing.T, method, path, body string, status int, code string) {
	t.Helper()
	if got := c.do(t, method, path, body); got.Status != status || got.code() != code {
		t.Errorf("%s %s is answered %d %s, not %d %s", method, path, got.Status, got.Body, status, code)
	}
}

// order is one as the API tells it.
type order struct {
	ID           string
	Item         string
	Quantity     int
	Status       string
	BuyerID      string  `json:"buyer_id"`
	Buyer        *string `json:"buyer"`
	AssigneeID   *string `json:"assignee_id"`
	Assignee     *string `json:"assignee"`
	Organization *string `json:"organization"`
}

type orderList struct {
	Orders []order
	Total  int
}

// places is how a caller orders something.
func (c caller) places(t *testing.T, item string) (placed order) {
	t.Helper()
	c.expect(t, http.MethodPost, "/orders", fmt.Sprintf(`{"item": %q, "quantity": 2}`, item), http.StatusCreated, &placed)
	return placed
}

func (c caller) orders(t *testing.T) (list orderList) {
	t.Helper()
	c.get(t, "/orders", &list)
	return list
}
