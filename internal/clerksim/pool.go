package clerksim

import "math/rand/v2"

// pool is a set with constant-time random choice, the same for the same history.
//
// What reading needs beside it is made when somebody first asks, and kept from then on: a world that nobody lists pays nothing for it.
type pool[T pooled] struct {
	items []T
	at    map[T]int

	byID   map[string]T           // made by get
	kept   map[string]*ordered[T] // made by inOrder, by the ordering's name
	sorted map[string]settled[T]  // made by sortedBy, by the ordering's name
}

// pooled is what a pool holds.
type pooled interface {
	comparable
	mark() *stamp
}

func (p *pool[T]) len() int { return len(p.items) }

func (p *pool[T]) has(x T) bool { _, ok := p.at[x]; return ok }

func (p *pool[T]) add(x T) {
	if p.at == nil {
		p.at = map[T]int{}
	}
	if p.has(x) {
		return
	}
	p.at[x] = len(p.items)
	p.items = append(p.items, x)
	if p.byID != nil {
		p.byID[x.mark().id] = x
	}
	for _, o := range p.kept {
		o.add(x)
	}
}

func (p *pool[T]) remove(x T) {
	i, ok := p.at[x]
	if !ok {
		return
	}
	last := len(p.items) - 1
	p.items[i] = p.items[last]
	p.at[p.items[i]] = i
	clear(p.items[last:])
	p.items = p.items[:last]
	delete(p.at, x)
	if p.byID != nil {
		delete(p.byID, x.mark().id)
	}
	for _, o := range p.kept {
		o.remove(x)
	}
}

// get finds by id.
func (p *pool[T]) get(id string) (T, bool) {
	if p.byID == nil {
		p.byID = make(map[string]T, len(p.items))
		for _, x := range p.items {
			p.byID[x.mark().id] = x
		}
	}
	x, ok := p.byID[id]
	return x, ok
}

// find picks a random element that fits. It gives up after a few dozen tries: a step that finds nobody is skipped, which is cheaper
// than keeping an index for every condition.
func (p *pool[T]) find(r *rand.Rand, fits func(T) bool) (T, bool) {
	for range 40 {
		if len(p.items) == 0 {
			break
		}
		if x := one(r, p.items); fits(x) {
			return x, true
		}
	}
	var none T
	return none, false
}

func anyOne[T any](T) bool { return true }
