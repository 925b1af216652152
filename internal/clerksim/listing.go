package clerksim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 10
	maxPage     = 500
	// maxValues bounds a filter that takes several values.
	maxValues = 100
)

// listing is what a request asks of a list.
type listing struct {
	values        url.Values
	limit, offset int
	by            string // name of the ordering
	descending    bool
	after         string // cursor
}

// invalid is a parameter that Clerk does not take.
func invalid(name, message string) *apiError {
	return &apiError{http.StatusUnprocessableEntity, "form_param_value_invalid", message, map[string]any{"param_name": name}}
}

// readListing reads what all lists have in common. A limit above 500 gives a page of ten and no word about it: whoever does not count what came takes it
// for the end.
func readListing(r *http.Request, orderBy string) (*listing, *apiError) {
	q := &listing{values: r.URL.Query()}
	var problem *apiError
	if q.limit, problem = q.number("limit", defaultPage, 1); problem != nil {
		return nil, problem
	}
	if q.limit > maxPage {
		q.limit = defaultPage
	}
	if q.offset, problem = q.number("offset", 0, 0); problem != nil {
		return nil, problem
	}
	if given := q.values.Get("order_by"); given != "" {
		orderBy = given
	}
	// An unescaped + of the query string arrives as a space, and means the same: + is what holds without a sign.
	q.by = strings.TrimLeft(orderBy, "+- ")
	q.descending = strings.HasPrefix(orderBy, "-")
	return q, nil
}

func (q *listing) number(name string, otherwise, least int) (int, *apiError) {
	given := q.values.Get(name)
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < least {
		return 0, invalid(name, name+" is not a number of at least "+strconv.Itoa(least))
	}
	return n, nil
}

// several are the values of a parameter that may be repeated, as name or as name[].
func (q *listing) several(name string) ([]string, *apiError) {
	given := slices.Concat(q.values[name], q.values[name+"[]"])
	if len(given) > maxValues {
		return nil, invalid(name, name+" takes at most "+strconv.Itoa(maxValues)+" values")
	}
	return given, nil
}

// instant is a bound in epoch milliseconds.
func (q *listing) instant(name string) (ms int64, given bool, problem *apiError) {
	text := q.values.Get(name)
	if text == "" {
		return 0, false, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, invalid(name, name+" is no time in milliseconds")
	}
	return ms, true, nil
}

// stretch is the part of a sequence that fits a request, low up to, not with, high.
type stretch[T pooled] struct {
	of        sequence[T]
	low, high int
}

func whole[T pooled](of sequence[T]) stretch[T] { return stretch[T]{of, 0, of.len()} }

func (s stretch[T]) total() int { return s.high - s.low }

// page cuts by offset and limit, which count from the end of the stretch where the order is descending.
func (s stretch[T]) page(q *listing) []T {
	if q.descending {
		high := max(s.low, s.high-q.offset)
		list := s.of.span(max(s.low, high-q.limit), high)
		slices.Reverse(list)
		return list
	}
	low := min(s.high, s.low+q.offset)
	return s.of.span(low, min(s.high, low+q.limit))
}

// only keeps what fits, which reads the whole stretch.
func (s stretch[T]) only(fits func(T) bool) stretch[T] {
	if fits == nil {
		return s
	}
	list := slices.DeleteFunc(s.of.span(s.low, s.high), func(x T) bool { return !fits(x) })
	return whole[T](settled[T]{list: list})
}

// orderings are those a list knows, by name.
type orderings[T pooled] map[string]ordering[T]

func (o orderings[T]) of(q *listing) (ordering[T], *apiError) {
	by, ok := o[q.by]
	if !ok {
		return by, invalid("order_by", "order_by "+strconv.Quote(q.by)+" is not allowed")
	}
	return by, nil
}
