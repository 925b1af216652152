package clerkapi

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// offsets walks by offset and proves of each page that nothing lies between it and the page before: they have an object in common, or it begins with one that
// comes earlier in the order than the last one before. Since what exists throughout keeps its place among the rest, that is enough, whichever of the two
// was answered first. Deletes that shift the pages apart are noticed by this alone.
type offsets struct {
	c          *Client
	l          listing
	descending bool
	place      place
	short      bool // the last page was short, in a list that says no total
	pending    []*fetch
	group      sync.WaitGroup
}

// fetch is a page under way. page and err may be read once done is closed.
type fetch struct {
	offset int
	cancel context.CancelFunc
	done   chan struct{}
	page   Page
	err    error
}

func newOffsets(c *Client, l listing, at place) *offsets { return &offsets{c: c, l: l, place: at} }

func (s *offsets) close() { s.group.Wait() }

func (s *offsets) next(ctx context.Context) (page Page, done bool, err error) {
	for tries := 0; ; {
		page, err = s.fetched(ctx)
		if err != nil {
			return page, false, err
		}
		if size := page.size(); size > s.c.limits.page {
			return page, false, fmt.Errorf("%w: %d asked for, %d came", ErrPageSize, s.c.limits.page, size)
		}
		if !s.joins(page) {
			s.place.Offset = max(0, s.place.Offset-s.step())
			continue
		}
		var whole bool
		if done, whole = s.ends(page); whole {
			break
		}
		// Something may have gone between Clerk's counting and its reading: once more.
		if tries++; tries == 3 {
			return page, false, fmt.Errorf("%w: %d asked for, %d came, at %d of %d", ErrPageSize, s.c.limits.page, page.size(), s.place.Offset, page.Total)
		}
	}
	if len(page.Objects) == 0 && page.size() == s.c.limits.page {
		return page, false, fmt.Errorf("%w: no object of a page has an id", ErrShape)
	}
	s.advance(&page)
	if !done {
		s.askAhead(ctx, page.Total)
	}
	return page, done, nil
}

// step is from one page's beginning to the next one's.
func (s *offsets) step() int { return s.c.limits.page - s.c.limits.overlap }

func (s *offsets) joins(page Page) bool {
	if s.place.Offset == 0 || len(s.place.Seen) == 0 {
		return true
	}
	if slices.ContainsFunc(page.Objects, s.seen) {
		return true
	}
	if len(page.Objects) == 0 {
		return false
	}
	first, last := page.Objects[0].key(s.l.key), s.place.Seen[len(s.place.Seen)-1].Key
	if first == 0 || last == 0 {
		return false
	}
	return first < last != s.descending && first != last
}

func (s *offsets) seen(o Object) bool {
	return slices.Contains(s.place.Seen, mark{o.ID, o.key(s.l.key)})
}

// ends says whether it is the last page, and whether the page is as long as it should be.
func (s *offsets) ends(page Page) (done, whole bool) {
	full := page.size() == s.c.limits.page
	if page.Total >= 0 {
		done = s.place.Offset+page.size() >= page.Total
		return done, done || full
	}
	// Without a total the end is a page that brings nothing new. What follows a short one cannot be new.
	if !slices.ContainsFunc(page.Objects, func(o Object) bool { return !s.seen(o) }) && !full {
		return true, true
	}
	if s.short {
		return false, false
	}
	s.short = !full
	return false, true
}

func (s *offsets) advance(page *Page) {
	s.place.Offset += max(0, page.size()-s.c.limits.overlap)
	if len(page.Objects) > 0 {
		s.place.Seen = marks(page.Objects, s.c.limits.overlap, s.l.key)
	}
	page.Next = s.place.position()
}

// fetched is the page at the place, which may have been asked for already. What was asked for elsewhere is of no use any more.
func (s *offsets) fetched(ctx context.Context) (Page, error) {
	if len(s.pending) > 0 && s.pending[0].offset != s.place.Offset {
		for _, f := range s.pending {
			f.cancel()
		}
		s.pending = nil
	}
	if len(s.pending) == 0 {
		s.ask(ctx, s.place.Offset)
	}
	f := s.pending[0]
	s.pending = s.pending[1:]
	defer f.cancel()
	<-f.done // ends with ctx
	return f.page, f.err
}

func (s *offsets) askAhead(ctx context.Context, total int) {
	for offset := s.place.Offset + len(s.pending)*s.step(); len(s.pending) < s.c.limits.ahead && offset < total; offset += s.step() {
		s.ask(ctx, offset)
	}
}

func (s *offsets) ask(ctx context.Context, offset int) {
	ctx, cancel := context.WithCancel(ctx)
	f := &fetch{offset: offset, cancel: cancel, done: make(chan struct{})}
	s.pending = append(s.pending, f)
	s.group.Go(func() {
		defer close(f.done)
		f.page, f.err = s.c.list(ctx, s.l, url.Values{"limit": {strconv.Itoa(s.c.limits.page)}, "offset": {strconv.Itoa(offset)}})
	})
}
