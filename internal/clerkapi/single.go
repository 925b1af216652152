package clerkapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/segmentio/encoding/json"
)

// Instance is whose the secret key is.
type Instance struct {
	ID          string // ins_…
	Environment string // production, development, staging
}

// Instance asks Clerk whose the key is (GET /v1/instance).
func (c *Client) Instance(ctx context.Context) (Instance, error) {
	got, err := c.do(ctx, request{method: http.MethodGet, path: "instance", max: maxSingle})
	if err != nil {
		return Instance{}, err
	}
	var body struct {
		ID          string `json:"id"`
		Environment string `json:"environment_type"`
	}
	if json.Unmarshal(got.body, &body) != nil || !isID(body.ID) {
		return Instance{}, fmt.Errorf("instance: %w", ErrShape)
	}
	return Instance{body.ID, body.Environment}, nil
}

// Get reads one object by its path below /v1, for example "users/user_1". A path that no object can have, for its characters, is ErrNotFound without a request.
// Errors: ErrNotFound, ErrUnauthorized, ErrNotEnabled, ErrShape, *Error, or that of ctx with what went wrong before.
func (c *Client) Get(ctx context.Context, path string) (Object, error) {
	path, err := pathOf(path)
	if err != nil {
		return Object{}, err
	}
	return c.single(ctx, request{method: http.MethodGet, path: path, max: maxSingle})
}

func (c *Client) single(ctx context.Context, r request) (Object, error) {
	got, err := c.do(ctx, r)
	if err != nil {
		return Object{}, err
	}
	o, reason := decodeObject(trimSpace(got.body), got.at)
	if reason != "" {
		return Object{}, fmt.Errorf("%s: %w: %s", r.path, ErrShape, reason)
	}
	return o, nil
}

// PatchUserMetadata merges metadata, the API's body with public_metadata, private_metadata or unsafe_metadata, into a user's, and returns the user. Clerk takes
// 10 such changes of one user in 10 s, and tells about each by user.updated. Where an attempt got no answer the change may be made twice, which is one change.
func (c *Client) PatchUserMetadata(ctx context.Context, id string, metadata any) (Object, error) {
	path, err := pathOf("users/" + id + "/metadata")
	if err != nil {
		return Object{}, err
	}
	body, err := json.Marshal(metadata)
	if err != nil {
		return Object{}, fmt.Errorf("metadata of %s: %w", id, err)
	}
	return c.single(ctx, request{method: http.MethodPatch, path: path, body: body, max: maxSingle})
}

// Membership is the one of a user in an organization, ErrNotFound if either does not exist or the user is no member.
func (c *Client) Membership(ctx context.Context, org, user string) (Object, error) {
	path, err := pathOf("organizations/" + org + "/memberships")
	if err != nil || !isID(user) {
		return Object{}, fmt.Errorf("membership with an id that no object has: %w", ErrNotFound)
	}
	got, err := c.do(ctx, request{method: http.MethodGet, path: path, query: url.Values{"user_id": {user}, "limit": {"10"}}, max: maxSingle})
	if err != nil {
		return Object{}, err
	}
	page, err := decodePage(got)
	switch {
	case err != nil:
		return Object{}, fmt.Errorf("%s: %w", path, err)
	case page.size() == 0:
		return Object{}, fmt.Errorf("membership of %s in %s: %w", user, org, ErrNotFound)
	case len(page.Objects) != 1 || memberOf(page.Objects[0]) != user:
		// A server that ignores the filter must not make somebody else's membership this one.
		return Object{}, fmt.Errorf("%s: %w: not the membership that was asked for", path, ErrShape)
	}
	return page.Objects[0], nil
}

func memberOf(o Object) string {
	var body struct {
		Member struct {
			UserID string `json:"user_id"`
		} `json:"public_user_data"`
	}
	if json.Unmarshal(o.Data, &body) != nil {
		return ""
	}
	return body.Member.UserID
}

// Count is how many objects a collection has.
func (c *Client) Count(ctx context.Context, of Collection) (int, error) {
	l, ok := listings[of]
	if !ok {
		return 0, fmt.Errorf("collection %q is not listed by clerk", of)
	}
	if l.cursor {
		return c.countUsers(ctx, 0, 0)
	}
	page, err := c.list(ctx, l, url.Values{"limit": {"1"}})
	if err != nil {
		return 0, err
	}
	if page.Total < 0 {
		return 0, fmt.Errorf("%s: %w: no total_count", l.path, ErrShape)
	}
	return page.Total, nil
}

// countUsers counts those created in a span, borders included, in ms; 0 is open.
func (c *Client) countUsers(ctx context.Context, from, to int64) (int, error) {
	got, err := c.do(ctx, request{method: http.MethodGet, path: "users/count", query: within(url.Values{}, from, to), max: maxSingle})
	if err != nil {
		return 0, err
	}
	var body struct {
		Total *int `json:"total_count"`
	}
	if json.Unmarshal(got.body, &body) != nil || body.Total == nil || *body.Total < 0 {
		return 0, fmt.Errorf("users/count: %w: no total_count", ErrShape)
	}
	return *body.Total, nil
}

// within adds the bounds. Clerk's words are before and after, so the border itself is asked for by a millisecond more: were they meant inclusively, a few
// objects would come twice.
func within(q url.Values, from, to int64) url.Values {
	if from > 0 {
		q.Set("created_at_after", strconv.FormatInt(from-1, 10))
	}
	if to > 0 {
		q.Set("created_at_before", strconv.FormatInt(to+1, 10))
	}
	return q
}

// list asks for one page. q has the limit and the place; the order is the listing's.
func (c *Client) list(ctx context.Context, l listing, q url.Values) (Page, error) {
	if l.order != "" {
		q.Set("order_by", l.order)
	}
	for _, name := range l.ask {
		q.Set(name, "true")
	}
	got, err := c.do(ctx, request{method: http.MethodGet, path: l.path, query: q, max: c.limits.answer})
	if err != nil {
		return Page{}, err
	}
	page, err := decodePage(got)
	if err != nil {
		return Page{}, fmt.Errorf("%s: %w", l.path, err)
	}
	return page, nil
}
