package clerkapi

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Recent calls each with the users whose updated_at is since or later, the newest first.
//
// Who is changed while it reads moves to the front and pushes the others back, so some may come twice, and none that stays in its place is left out. If there
// was more than one page, the front is read once more at the end. Who is changed even later has an updated_at after Recent began: take a time before
// that as the next since.
func (c *Client) Recent(ctx context.Context, since time.Time, each func(context.Context, Page) error) error {
	top, pages, err := c.recent(ctx, since.UnixMilli(), each)
	if err == nil && pages > 1 {
		_, _, err = c.recent(ctx, top, each)
	}
	if err != nil {
		return fmt.Errorf("recent users: %w", err)
	}
	return nil
}

// recent returns the newest updated_at of its first page. It reads nothing ahead: where it ends only the page shows.
func (c *Client) recent(ctx context.Context, since int64, each func(context.Context, Page) error) (top int64, pages int, err error) {
	s := newOffsets(c, listing{path: "users", order: "-updated_at", key: updatedAt}, place{})
	s.descending = true
	defer s.close()
	for {
		page, done, err := s.next(ctx)
		if err != nil {
			return top, pages, err
		}
		if pages++; pages == 1 && len(page.Objects) > 0 {
			top = page.Objects[0].updatedAt
		}
		n := len(page.Objects)
		// One without a time is shown rather than left out, and says nothing about the end.
		page.Objects = slices.DeleteFunc(page.Objects, func(o Object) bool { return o.updatedAt != 0 && o.updatedAt < since })
		page.Next = ""
		if err := each(ctx, page); err != nil {
			return top, pages, err
		}
		if done || len(page.Objects) < n {
			return top, pages, nil
		}
	}
}
