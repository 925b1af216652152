package clerksim

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

// steady is a chance that never comes true, so that an object looks the same whenever it is asked for.
type steady struct{}

func (steady) Uint64() uint64 { return ^uint64(0) }

// plainly renders without the odd shapes that webhooks have now and then, and without moving the world's chance.
func (w *World) plainly(render func()) {
	r, odd := w.r, w.cfg.OddRate
	w.r, w.cfg.OddRate = rand.New(steady{}), 0
	defer func() { w.r, w.cfg.OddRate = r, odd }()
	render()
}

// rendered is entities as a JSON array.
func rendered[T entity](w *World, b []byte, list []T) []byte {
	b = append(b, '[')
	w.plainly(func() {
		for i, x := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendObject(b, x.data(w))
		}
	})
	return append(b, ']')
}

// enveloped is Clerk's form of a page of anything but users.
func enveloped[T entity](w *World, list []T, total int) []byte {
	b := rendered(w, append(make([]byte, 0, 4096), `{"data":`...), list)
	b = append(b, `,"total_count":`...)
	return append(strconv.AppendInt(b, int64(total), 10), '}')
}

// lookUp serves what find makes of the world as it is; find renders, for the world goes on when the lock is given back.
func (c *Clerk) lookUp(find func(*World, *http.Request) ([]byte, *apiError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, problem := func() ([]byte, *apiError) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return find(c.world, r)
		}()
		if problem != nil {
			answerError(w, *problem)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}
}

// noSuch is the answer about what is not there, or no longer.
func noSuch() *apiError {
	return &apiError{http.StatusNotFound, "resource_not_found", "Resource not found", nil}
}

func single(w *World, e entity) (body []byte) {
	w.plainly(func() { body = appendObject(nil, e.data(w)) })
	return body
}

// found is a lookUp by the id in the path.
func found[T interface {
	pooled
	entity
}](c *Clerk, in func(*World) *pool[T]) http.HandlerFunc {
	return c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		x, ok := in(w).get(r.PathValue("id"))
		if !ok {
			return nil, noSuch()
		}
		return single(w, x), nil
	})
}

// listedIn serves a page of a whole pool, as far as it fits what filter makes of the request; a nil filter takes all of it.
func listedIn[T interface {
	pooled
	entity
}](c *Clerk, known orderings[T], in func(*World) *pool[T], filter func(*World, *listing) (func(T) bool, *apiError)) http.HandlerFunc {
	return c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		q, problem := readListing(r, "-created_at")
		if problem != nil {
			return nil, problem
		}
		by, problem := known.of(q)
		if problem != nil {
			return nil, problem
		}
		var fits func(T) bool
		if filter != nil {
			if fits, problem = filter(w, q); problem != nil {
				return nil, problem
			}
		}
		s := whole(in(w).inOrder(q.by, by, w.revision)).only(fits)
		return enveloped(w, s.page(q), s.total()), nil
	})
}

// listedOf is listedIn for what hangs on something else. some returns a list of its own, in any order, of which the page is cut.
func listedOf[T interface {
	pooled
	entity
}](c *Clerk, known orderings[T], some func(*World, *http.Request, *listing) ([]T, *apiError)) http.HandlerFunc {
	return c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		q, problem := readListing(r, "-created_at")
		if problem != nil {
			return nil, problem
		}
		by, problem := known.of(q)
		if problem != nil {
			return nil, problem
		}
		list, problem := some(w, r, q)
		if problem != nil {
			return nil, problem
		}
		s := whole[T](settled[T]{list: sortedBy(by, list)})
		return enveloped(w, s.page(q), s.total()), nil
	})
}
