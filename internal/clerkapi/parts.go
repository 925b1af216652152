package clerkapi

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Parts splits a collection into at most n stretches of about the same size, which together hold all of it. Only users can be split, and only where a part
// would be more than a page: a cursor gives one page after another, so that one walker waits for round trips where several use the budget. It costs up to 20
// counts per border.
func (c *Client) Parts(ctx context.Context, of Collection, n int) ([]Part, error) {
	l, ok := listings[of]
	if !ok {
		return nil, fmt.Errorf("collection %q is not listed by clerk", of)
	}
	total, err := c.Count(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("parts of %s: %w", of, err)
	}
	n = min(n, total/c.limits.page)
	if !l.cursor || n < 2 {
		return []Part{{Collection: of, Expected: total}}, nil
	}
	borders, err := c.borders(ctx, l, n, total)
	if err != nil {
		return nil, fmt.Errorf("parts of %s: %w", of, err)
	}
	var parts []Part
	from := border{}
	for _, b := range borders {
		if b.at == from.at { // so many were created in one moment
			continue
		}
		parts = append(parts, Part{Collection: of, From: from.at, To: b.at, Expected: max(0, b.count-from.count)})
		from = b
	}
	return append(parts, Part{Collection: of, From: from.at, Expected: max(0, total-from.count)}), nil
}

// border is a time of creation, and how many users were created until then.
type border struct {
	at    int64
	count int
}

func (c *Client) borders(ctx context.Context, l listing, n, total int) ([]border, error) {
	oldest, err := c.list(ctx, l, url.Values{"limit": {"1"}})
	if err != nil {
		return nil, err
	}
	l.order = "-created_at"
	newest, err := c.list(ctx, l, url.Values{"limit": {"1"}})
	if err != nil {
		return nil, err
	}
	if len(oldest.Objects) == 0 || len(newest.Objects) == 0 {
		return nil, nil
	}
	borders := make([]border, n-1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range borders {
		group.Go(func() (err error) {
			borders[i], err = c.border(ctx, oldest.Objects[0].createdAt, newest.Objects[0].createdAt, total*(i+1)/n, total/(8*n))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(borders, func(a, b border) int { return int(a.at - b.at) })
	return borders, nil
}

// border halves the time until the count is near enough.
func (c *Client) border(ctx context.Context, low, high int64, want, tolerance int) (b border, err error) {
	for range 20 {
		b.at = low + (high-low)/2
		if b.count, err = c.countUsers(ctx, 0, b.at); err != nil {
			return b, err
		}
		if b.at == low || max(b.count-want, want-b.count) <= tolerance {
			break
		}
		if b.count < want {
			low = b.at
		} else {
			high = b.at
		}
	}
	return b, nil
}
