package clerksim

import (
	"cmp"
	"slices"
)

// ordering is one of the values by which a list may be ordered: a number or a text. Objects of equal value follow their ids, so that every order is total,
// as the pages of an unchanging world need it.
type ordering[T pooled] struct {
	number func(T) int64
	text   func(T) string
	fixed  bool // never changes
	kept   bool // changes only with a message about the object itself, so that it can be kept
}

func (by ordering[T]) compare(a, b T) int {
	byID := cmp.Compare(a.mark().id, b.mark().id)
	if by.number != nil {
		return cmp.Or(cmp.Compare(by.number(a), by.number(b)), byID)
	}
	return cmp.Or(cmp.Compare(by.text(a), by.text(b)), byID)
}

// createdAt is how every list may be ordered.
func createdAt[T pooled]() ordering[T] {
	return ordering[T]{number: func(x T) int64 { return x.mark().created }, fixed: true, kept: true}
}

// sequence is a list in ascending order, of which pages are cut.
type sequence[T pooled] interface {
	len() int
	// span copies those from the low-th up to, not with, the high-th.
	span(low, high int) []T
}

// settled is a sequence that was sorted as the world was at a revision.
type settled[T pooled] struct {
	list     []T
	revision uint64
}

func (s settled[T]) len() int               { return len(s.list) }
func (s settled[T]) span(low, high int) []T { return slices.Clone(s.list[low:high]) }

// inOrder is the whole pool by an ordering. Where the order can be kept it is; else it is sorted once for each revision of the world, so that walking a
// world that changes costs a sorting a page.
func (p *pool[T]) inOrder(name string, by ordering[T], revision uint64) sequence[T] {
	if by.kept {
		if p.kept == nil {
			p.kept = map[string]*ordered[T]{}
		}
		if p.kept[name] == nil {
			p.kept[name] = newOrdered(p.items, by.number, by.fixed)
		}
		return p.kept[name]
	}
	if s, ok := p.sorted[name]; ok && s.revision == revision {
		return s
	}
	if p.sorted == nil {
		p.sorted = map[string]settled[T]{}
	}
	p.sorted[name] = settled[T]{sortedBy(by, slices.Clone(p.items)), revision}
	return p.sorted[name]
}

func sortedBy[T pooled](by ordering[T], list []T) []T {
	slices.SortFunc(list, by.compare)
	return list
}

// touch is for an object that changed. It costs a look at an empty map where nobody has listed the pool.
func (p *pool[T]) touch(id string) {
	if len(p.kept) == 0 {
		return
	}
	if x, ok := p.get(id); ok {
		for _, o := range p.kept {
			o.move(x)
		}
	}
}
