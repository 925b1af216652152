package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clerkstream/clerkstream/internal/clerkapi"
)

// subscriptionsOf makes a page of subscriptions of a page of items. Clerk lists no subscriptions, and shows each to who names its payer: one request for
// every payer on the page.
func subscriptionsOf(ctx context.Context, api *clerkapi.Client, p clerkapi.Page) (clerkapi.Page, error) {
	var paths []string
	for n := range p.Objects {
		if path := payerPath(p.Objects[n].Data); path != "" {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	found := make([]clerkapi.Object, len(paths))
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(confirmations)
	for n, path := range paths {
		group.Go(func() (err error) {
			// Who is deleted has no subscription to show, and the row that there may be ends as Clerk's last event said.
			if found[n], err = api.Get(inGroup, path); errors.Is(err, clerkapi.ErrNotFound) {
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return p, err
	}
	p.Objects = slices.DeleteFunc(found, func(o clerkapi.Object) bool { return o.ID == "" })
	p.Malformed, p.Total = nil, -1 // the items' walk keeps their letters
	return p, nil
}

// payerPath is where the subscription of an item's payer is; "" for an item that does not say whose it is.
func payerPath(item []byte) string {
	var of struct {
		Payer struct {
			UserID         string `json:"user_id"`
			OrganizationID string `json:"organization_id"`
		} `json:"payer"`
	}
	if json.Unmarshal(item, &of) != nil {
		return ""
	}
	switch {
	case of.Payer.OrganizationID != "":
		return "organizations/" + of.Payer.OrganizationID + "/billing/subscription"
	case of.Payer.UserID != "":
		return "users/" + of.Payer.UserID + "/billing/subscription"
	}
	return ""
}
