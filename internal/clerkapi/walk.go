package clerkapi

import (
	"context"
	"fmt"
	"sync"
)

// source makes pages, one after another. done comes with the last page.
type source interface {
	next(ctx context.Context) (page Page, done bool, err error)
	close() // waits for requests under way, which the end of next's ctx has ended
}

// Walk calls each with every page of a part, in order, from a position on; nil means that the part was walked to its end. While each works the next pages are
// fetched: one for users, up to 8 elsewhere. An error of each, or of a page, ends it: nothing is left out in silence.
//
// Users are walked by Clerk's cursor. Everything else has offsets only, which shift when something is deleted: each page overlaps the one before it, and
// where no overlap is found the walk steps back until it is. Objects may therefore come more than once.
//
// Where Clerk has no order for a collection (enterprise connections, SCIM directories, subscription items), this holds as far as Clerk's own order is stable.
func (c *Client) Walk(ctx context.Context, part Part, from Position, each func(context.Context, Page) error) error {
	l, ok := listings[part.Collection]
	if !ok {
		return fmt.Errorf("collection %q is not listed by clerk", part.Collection)
	}
	place, err := parsePosition(from)
	if err != nil {
		return fmt.Errorf("walk of %s: %w", part.Collection, err)
	}
	var pages source = newOffsets(c, l, place)
	if l.cursor {
		pages = &cursor{c: c, l: l, part: part, place: place}
	}
	if err := readAhead(ctx, pages, each); err != nil {
		return fmt.Errorf("walk of %s: %w", part.Collection, err)
	}
	return nil
}

// readAhead fetches the next page while each has the one before.
func readAhead(ctx context.Context, pages source, each func(context.Context, Page) error) error {
	reading, stop := context.WithCancel(ctx)
	fetched := make(chan Page)
	var failed error // by the reader, before it closes fetched
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(fetched)
		failed = readAll(reading, pages, fetched)
	})
	defer reader.Wait()
	defer stop()
	for page := range fetched {
		if err := each(ctx, page); err != nil {
			return err
		}
	}
	return failed
}

func readAll(ctx context.Context, pages source, to chan<- Page) error {
	ctx, stop := context.WithCancel(ctx)
	defer pages.close()
	defer stop()
	for {
		page, done, err := pages.next(ctx)
		if err != nil {
			return err
		}
		select {
		case to <- page:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if done {
			return nil
		}
	}
}
