package clerkapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// cursor walks users by starting_after, which no insert or delete can shift.
type cursor struct {
	c     *Client
	l     listing
	part  Part
	place place
	// proved is the time of creation up to which the end was looked for beyond the cursor already.
	proved int64
}

func (k *cursor) close() {}

func (k *cursor) next(ctx context.Context) (page Page, done bool, err error) {
	page, err = k.following(ctx)
	if err != nil {
		return page, false, err
	}
	switch limit := k.c.limits.page; {
	case page.size() > limit:
		return page, false, fmt.Errorf("%w: %d asked for, %d came", ErrPageSize, limit, page.size())
	case page.size() < limit:
		if page, done, err = k.proveEnd(ctx, page); err != nil {
			return page, false, err
		}
	case len(page.Objects) == 0:
		return page, false, fmt.Errorf("%w: no object of a page has an id", ErrShape)
	}
	if n := len(page.Objects); n > 0 {
		// Otherwise a server that makes nothing of the cursor would be asked for its first page for ever.
		if s := len(k.place.Seen); !done && s > 0 && k.place.Seen[s-1].ID == page.Objects[n-1].ID {
			return page, false, fmt.Errorf("%w: the page behind %s ends with it", ErrShape, page.Objects[n-1].ID)
		}
		k.place.Seen = marks(page.Objects, k.c.limits.overlap, k.l.key)
	}
	page.Next = k.place.position()
	return page, done, nil
}

// following is the page behind the cursor. What Clerk answers when the cursor's user is deleted it does not say; where it is refused, the walk goes on from
// that user's time of creation.
func (k *cursor) following(ctx context.Context) (Page, error) {
	if len(k.place.Seen) == 0 {
		return k.from(ctx, k.part.From)
	}
	q := within(k.query(), k.part.From, k.part.To)
	q.Set("starting_after", k.place.Seen[len(k.place.Seen)-1].ID)
	page, err := k.c.list(ctx, k.l, q)
	if answer, ok := errors.AsType[*Error](err); ok && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity}, answer.Status) {
		return k.from(ctx, k.newest())
	}
	return page, err
}

// from is the page that begins with a time of creation.
func (k *cursor) from(ctx context.Context, at int64) (Page, error) {
	return k.c.list(ctx, k.l, within(k.query(), max(at, k.part.From), k.part.To))
}

func (k *cursor) query() url.Values { return url.Values{"limit": {strconv.Itoa(k.c.limits.page)}} }

// newest is the latest time of creation that was seen.
func (k *cursor) newest() (at int64) {
	for _, m := range k.place.Seen {
		at = max(at, m.Key)
	}
	return at
}

// proveEnd believes a short page to be the last only when nothing that is newer can be found without the cursor. It would be short, too, if Clerk took another
// limit for the one asked for (as it does above 500), or made nothing of the cursor.
func (k *cursor) proveEnd(ctx context.Context, short Page) (page Page, done bool, err error) {
	seen := ids(short)
	at := k.newest()
	for _, o := range short.Objects {
		at = max(at, o.createdAt)
	}
	for _, m := range k.place.Seen {
		seen[m.ID] = true
	}
	if len(seen) == 0 || k.proved == at && short.size() == 0 {
		return short, true, nil
	}
	k.proved = at
	beyond, err := k.from(ctx, at)
	if err != nil {
		return short, false, err
	}
	fresh := slices.DeleteFunc(slices.Clone(beyond.Objects), func(o Object) bool { return seen[o.ID] })
	switch {
	case len(fresh) == 0:
		return short, true, nil
	case short.size() == 0:
		return beyond, false, nil
	}
	// Either they came in this moment, and then the same page has become longer, or the page is not as long as it should be.
	again, err := k.following(ctx)
	if err != nil {
		return short, false, err
	}
	now := ids(again)
	if !slices.ContainsFunc(fresh, func(o Object) bool { return now[o.ID] }) {
		return short, false, fmt.Errorf("%w: %d asked for, %d came, and more follow", ErrPageSize, k.c.limits.page, short.size())
	}
	return again, false, nil
}

func ids(p Page) map[string]bool {
	m := make(map[string]bool, len(p.Objects))
	for _, o := range p.Objects {
		m[o.ID] = true
	}
	return m
}
