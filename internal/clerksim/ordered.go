package clerksim

import (
	"cmp"
	"slices"
)

// ordered keeps a pool's objects by a number and then by id, ascending, through additions, removals and changes of the number: each costs a few
// microseconds in a world of a million, and so does finding the n-th. It takes 16 bytes an object, and about 60 more where the number may change.
type ordered[T pooled] struct {
	number func(T) int64
	was    map[T]int64 // the number under which each is filed; nil where it never changes
	blocks [][]filed[T]
	n      int
}

type filed[T pooled] struct {
	number int64
	x      T
}

// maxBlock balances what moving within a block costs against finding it.
const maxBlock = 1024

func compareFiled[T pooled](a, b filed[T]) int {
	if c := cmp.Compare(a.number, b.number); c != 0 {
		return c
	}
	return cmp.Compare(a.x.mark().id, b.x.mark().id)
}

func newOrdered[T pooled](items []T, number func(T) int64, fixed bool) *ordered[T] {
	o := &ordered[T]{number: number, n: len(items)}
	if !fixed {
		o.was = make(map[T]int64, len(items))
	}
	all := make([]filed[T], len(items))
	for i, x := range items {
		all[i] = filed[T]{number(x), x}
		if o.was != nil {
			o.was[x] = all[i].number
		}
	}
	slices.SortFunc(all, compareFiled[T])
	for block := range slices.Chunk(all, maxBlock*3/4) {
		o.blocks = append(o.blocks, slices.Clone(block)) // its own memory, so that it can grow
	}
	return o
}

// place is where f is, or belongs.
func (o *ordered[T]) place(f filed[T]) (block, i int) {
	block, exact := slices.BinarySearchFunc(o.blocks, f, func(b []filed[T], f filed[T]) int { return compareFiled(b[0], f) })
	if !exact && block > 0 {
		block--
	}
	if block == len(o.blocks) {
		return block, 0
	}
	i, _ = slices.BinarySearchFunc(o.blocks[block], f, compareFiled[T])
	return block, i
}

func (o *ordered[T]) add(x T) {
	f := filed[T]{o.number(x), x}
	if o.was != nil {
		o.was[x] = f.number
	}
	o.n++
	b, i := o.place(f)
	if b == len(o.blocks) {
		o.blocks = append(o.blocks, []filed[T]{f})
		return
	}
	block := slices.Insert(o.blocks[b], i, f)
	o.blocks[b] = block
	if len(block) > maxBlock {
		half := slices.Clone(block[maxBlock/2:])
		clear(block[maxBlock/2:])
		o.blocks[b] = block[:maxBlock/2]
		o.blocks = slices.Insert(o.blocks, b+1, half)
	}
}

func (o *ordered[T]) filed(x T) filed[T] {
	if o.was != nil {
		return filed[T]{o.was[x], x}
	}
	return filed[T]{o.number(x), x}
}

func (o *ordered[T]) remove(x T) {
	b, i := o.place(o.filed(x))
	o.blocks[b] = slices.Delete(o.blocks[b], i, i+1)
	if len(o.blocks[b]) == 0 {
		o.blocks = slices.Delete(o.blocks, b, b+1)
	}
	delete(o.was, x)
	o.n--
}

// move files x anew after its number changed.
func (o *ordered[T]) move(x T) {
	if o.was == nil || o.was[x] == o.number(x) {
		return
	}
	o.remove(x)
	o.add(x)
}

// rank is how many come before x.
func (o *ordered[T]) rank(x T) int { return o.before(o.filed(x)) }

// below is how many have a smaller number.
func (o *ordered[T]) below(number int64) int {
	block, _ := slices.BinarySearchFunc(o.blocks, number, func(b []filed[T], number int64) int { return cmp.Compare(b[0].number, number) })
	if block == 0 {
		return 0
	}
	n := 0
	for _, b := range o.blocks[:block-1] {
		n += len(b)
	}
	// The next block begins with number or more, so that this one holds the last that is smaller.
	i, _ := slices.BinarySearchFunc(o.blocks[block-1], number, func(f filed[T], number int64) int { return cmp.Compare(f.number, number) })
	return n + i
}

func (o *ordered[T]) before(f filed[T]) int {
	block, n := o.place(f)
	for _, b := range o.blocks[:block] {
		n += len(b)
	}
	return n
}

func (o *ordered[T]) len() int { return o.n }

// span copies those from the low-th up to, not with, the high-th.
func (o *ordered[T]) span(low, high int) []T {
	out := make([]T, 0, high-low)
	for _, b := range o.blocks {
		if high <= 0 {
			break
		}
		if low < len(b) {
			for _, f := range b[max(0, low):min(high, len(b))] {
				out = append(out, f.x)
			}
		}
		low, high = low-len(b), high-len(b)
	}
	return out
}
